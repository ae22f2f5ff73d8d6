"""The JSON of OpenAI's chat completions, as far as it is understood here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.query_schemas import ThreadId
from api.schemas import AskOut, EvidenceOut
from rag.errors import InvalidInput
from rag.types import Faithfulness, Finish, GenerationOptions, Usage

MAX_MESSAGES = 1000
MAX_TOKENS = 32_768


class ImageUrl(BaseModel):
    """A picture: a data URI, ``olhar:<item id>``, or a URL."""

    url: str


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ImagePart(BaseModel):
    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(BaseModel):
    """One turn. What only other roles have (tool calls, names) is not looked at."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(BaseModel):
    """``include_usage``: a last chunk says how many tokens there were."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = False


class JsonSchema(BaseModel):
    """A schema that the answer has to follow; its name and description are not looked at."""

    model_config = ConfigDict(extra="ignore")

    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]


class ResponseFormat(BaseModel):
    """Plain text, any JSON object, or JSON by a schema."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def schema_of(self) -> dict[str, JsonValue] | None:
        """The schema that is asked for, if any. Raises InvalidInput."""
        if self.type == "json_object":
            return {"type": "object"}
        if self.type == "json_schema" and self.json_schema is None:
            raise InvalidInput("response_format: json_schema is missing")
        return self.json_schema.schema_ if self.type == "json_schema" and self.json_schema else None


class ChatIn(BaseModel):
    """A request; the other parameters of OpenAI's API are checked one by one in the route."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    seed: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    response_format: ResponseFormat | None = None
    thread: ThreadId | None = None
    faithfulness: Faithfulness | None = None

    def options(self) -> GenerationOptions:
        """How the answer is to be written. Raises InvalidInput."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or ()
        instructions = (text_of(m.content) for m in self.messages if m.role in ("system", "developer"))
        return GenerationOptions(
            temperature=self.temperature,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            seed=self.seed,
            stop=tuple(text for text in given if text),
            schema=self.response_format.schema_of() if self.response_format else None,
            instructions="\n".join(text for text in instructions if text.strip()),
        )


def text_of(content: str | list[Part] | None) -> str:
    """The text of a message, without its pictures."""
    if isinstance(content, list):
        return "\n".join(part.text for part in content if isinstance(part, TextPart))
    return content or ""


class Reply(BaseModel):
    """``refusal``: an answer in JSON was asked for, and there is none."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None


class Choice(BaseModel):
    index: int = 0
    message: Reply
    finish_reason: Finish
    logprobs: None = None


class UsageOut(BaseModel):
    """Tokens by the language model's own count; zero where it was not asked."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> UsageOut:
        read, written = usage.prompt_tokens, usage.completion_tokens
        return cls(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


class ChatOut(BaseModel):
    """A completion. ``olhar`` is what makes the answer checkable."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageOut
    olhar: AskOut


class Delta(BaseModel):
    """What is new: the first has the role, the others text."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None


class ChunkChoice(BaseModel):
    index: int = 0
    delta: Delta
    finish_reason: Finish | None = None
    logprobs: None = None


class EvidenceListOut(BaseModel):
    """What the answer will be written from."""

    evidence: list[EvidenceOut]


class ChatChunk(BaseModel):
    """A piece of a stream. ``olhar`` is the evidence in the first, in the last all of the plain answer."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: UsageOut | None = None
    olhar: EvidenceListOut | AskOut | None = None


class ModelOut(BaseModel):
    """A collection to chat with, or the encoder to embed with."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["olhar"] = "olhar"


class ModelsOut(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]
