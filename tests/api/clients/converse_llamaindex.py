"""What LlamaIndex's clients get from a server, as JSON: `python converse_llamaindex.py URL PICTURE`.

Of an example on standard input it says what it prints.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import openai
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike


def refused(work: Callable[[], object]) -> str:
    try:
        work()
    except openai.APIStatusError as error:
        return f"{type(error).__name__} {error.status_code} {error.code}"
    return "nothing"


def printed(code: str) -> str:
    with redirect_stdout(StringIO()) as said:
        exec(compile(code, "example", "exec"), {"__name__": "example"})
    return said.getvalue()


def main(url: str, picture: str) -> None:
    base = f"{url}/v1"
    common: dict[str, Any] = {"api_base": base, "api_key": "none", "is_chat_model": True, "max_retries": 0}
    llm = OpenAILike(model="olhar/default", **common)
    earlier = [
        ChatMessage(role="system", content="be brief"),
        ChatMessage(role="user", content="first"),
        ChatMessage(role="assistant", content="well"),
    ]
    answer = llm.chat([*earlier, ChatMessage(role="user", content="second")])
    pieces = list(
        llm.stream_chat([ChatMessage(role="user", content="third")], stream_options={"include_usage": True})
    )
    usage = next(p.raw.usage for p in reversed(pieces) if getattr(p.raw, "usage", None))
    looked = ChatMessage(
        role="user",
        blocks=[
            TextBlock(text="fourth"),
            ImageBlock(image=base64.b64decode(picture.partition(",")[2]), image_mimetype="image/png"),
        ],
    )
    seen = llm.chat([looked])
    encoder = OpenAILikeEmbedding(model_name="fake", api_base=base, api_key="none", max_retries=0)
    vectors = [encoder.get_text_embedding("a cat"), encoder.get_text_embedding(picture)]
    other = OpenAILike(model="gpt-4", **common)
    errors = [refused(lambda: other.chat(earlier)), refused(lambda: llm.chat(earlier, n=2))]
    said: dict[str, Any] = {
        "answer": answer.message.content,
        "cited": [one["source"] for one in answer.raw.olhar["citations"]],
        "streamed": "".join(piece.delta or "" for piece in pieces),
        "tokens": usage.total_tokens,
        "seen": seen.message.content,
        "vectors": vectors,
        "errors": errors,
        "example": printed(sys.stdin.read()),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
