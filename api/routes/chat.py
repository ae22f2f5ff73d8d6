"""OpenAI's chat completions over a collection, for the many programs that speak them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from api.conversations import Conversations
from api.deps import Long, System, Talks, Who
from api.routes.chat_schemas import ChatIn, ChatOut, ImagePart, Message, text_of
from api.routes.chat_stream import NOT_KEPT, Chat, completion, events, open_chat, whole
from api.routes.chatting import Talk, understood, without_effect
from api.routes.forms import json_body, json_schema
from api.routes.pictures import opened
from api.security.needs import READ
from api.security.principal import Principal
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.types import Turn

router = APIRouter(tags=["openai"])

SILENT = frozenset({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"})
"""Parameters that do not change an answer."""
IGNORED = frozenset(
    {"frequency_penalty", "logit_bias", "presence_penalty", "reasoning_effort", "top_p", "verbosity"}
)
"""Parameters that chat programs send with every request; a warning says that they had no effect."""
AS_IF_ABSENT: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True,),
    "modalities": (["text"],),
    "top_logprobs": (0,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}
"""Values that ask for nothing beyond what is done anyway."""


async def _chat(request: Request, olhar: System, who: Who, talks: Talks, long: Long) -> Chat:
    body = await json_body(request, ChatIn)
    return await opened(long, _pictures(body.messages), _understand, body, olhar, who, talks)


@router.post(
    "/v1/chat/completions",
    operation_id="chat_completions",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": json_schema("ChatIn")}},
    response_model=ChatOut,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/ChatChunk"}}},
            "description": "The answer, or with `stream` its chunks, each an event, and last `[DONE]`.",
        }
    },
)
async def chat_completions(
    chat: Annotated[Chat, Depends(_chat)], request: Request, olhar: System, talks: Talks
) -> Response:
    """Answer the last user message from a collection; ``model`` names it: ``olhar/<collection>``."""
    opened = await open_chat(request, olhar, chat, talks)
    if chat.stream:
        return StreamingResponse(events(opened), media_type="text/event-stream", headers=NOT_KEPT)
    answer = completion(chat, await whole(request, opened))
    return Response(answer.model_dump_json(), media_type="application/json")


def _understand(body: ChatIn, olhar: Olhar, who: Principal, talks: Conversations) -> Chat:
    asked, earlier = _question(body.messages)
    talk = Talk(
        model=body.model,
        text=text_of(asked.content or ""),
        images=tuple(_pictures([asked])),
        earlier=earlier,
        options=body.options(),
        thread=body.thread,
        faithfulness=body.faithfulness,
        where="messages",
    )
    question, collection = understood(talk, olhar, who, talks)
    return Chat(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=body.model,
        collection=collection,
        asked=question,
        warnings=without_effect(
            body.model_extra or {}, silent=SILENT, ignored=IGNORED, as_if_absent=AS_IF_ABSENT
        ),
        stream=bool(body.stream),
        with_usage=bool(body.stream_options and body.stream_options.include_usage),
    )


def _question(messages: list[Message]) -> tuple[Message, tuple[Turn, ...]]:
    """The last user message, and what was said before it."""
    place = max((n for n, message in enumerate(messages) if message.role == "user"), default=None)
    if place is None:
        raise InvalidInput('messages: there is none of role "user"')
    return messages[place], tuple(_turns(messages[:place]))


def _pictures(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        parts = message.content if isinstance(message.content, list) else []
        yield from (part.image_url.url for part in parts if isinstance(part, ImagePart))


def _turns(messages: list[Message]) -> Iterator[Turn]:
    for message in messages:
        text = text_of(message.content)
        if text.strip() and (message.role == "user" or message.role == "assistant"):
            yield Turn(message.role, text)
