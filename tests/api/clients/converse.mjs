// What OpenAI's client for JavaScript gets from a server, as JSON: `node converse.mjs URL PICTURE`.
import OpenAI from "openai";

const [url, picture] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const model = "olhar/default";
const earlier = [
  { role: "system", content: "be brief" },
  { role: "user", content: "first" },
  { role: "assistant", content: "well" },
];

const answer = await client.chat.completions.create({
  model,
  messages: [...earlier, { role: "user", content: "second" }],
});

let streamed = "";
let tokens = 0;
const stream = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "third" }],
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta.content ?? "";
  tokens = chunk.usage?.total_tokens ?? tokens;
}

const seen = await client.chat.completions.create({
  model,
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "fourth" },
        { type: "image_url", image_url: { url: picture } },
      ],
    },
  ],
});

const younger = await client.responses.create({ model, input: "fifth" });

let heard = "";
for await (const event of await client.responses.create({ model, input: "sixth", stream: true })) {
  if (event.type === "response.output_text.delta") heard += event.delta;
}

const embedded = await client.embeddings.create({ model: "fake", input: ["a cat", picture] });

async function refused(work) {
  try {
    await work();
    return "nothing";
  } catch (error) {
    return `${error.constructor.name} ${error.status} ${error.code}`;
  }
}

const errors = [
  await refused(() => client.chat.completions.create({ model: "gpt-4", messages: earlier })),
  await refused(() => client.chat.completions.create({ model, messages: earlier, n: 2 })),
];

console.log(
  JSON.stringify({
    answer: answer.choices[0].message.content,
    cited: answer.olhar.citations.map((one) => one.source),
    streamed,
    tokens,
    seen: seen.choices[0].message.content,
    younger: younger.output_text,
    heard,
    vectors: embedded.data.map((one) => Array.from(one.embedding)),
    errors,
  }),
);
