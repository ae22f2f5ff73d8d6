"""OpenAI's responses over a collection: the younger of its two ways to chat."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from api.conversations import Conversations
from api.deps import Long, System, Talks, Who
from api.routes.chat_stream import NOT_KEPT, Chat, open_chat, whole
from api.routes.chatting import Talk, understood, without_effect
from api.routes.forms import json_body, json_schema
from api.routes.pictures import opened
from api.routes.response_schemas import ResponseIn
from api.routes.response_shapes import ResponseOut
from api.routes.response_stream import Responding, response_events
from api.security.needs import READ
from api.security.principal import Principal
from rag.build import Olhar
from rag.errors import InvalidInput

router = APIRouter(tags=["openai"])

SILENT = frozenset(
    {
        "user", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "prompt_cache_options", "truncation", "parallel_tool_calls", "max_tool_calls", "stream_options",
    }
)  # fmt: skip
"""Parameters that do not change an answer; what is too long is always left out."""
IGNORED = frozenset({"top_p", "reasoning", "verbosity"})
"""Parameters that programs send with every request; a warning says that they had no effect."""
AS_IF_ABSENT: Mapping[str, tuple[object, ...]] = {
    "tool_choice": ("none", "auto"),
    "top_logprobs": (0,),
    "top_p": (1,),
}
"""Values that ask for nothing beyond what is done anyway."""
NOT_KEPT_HERE = ("previous_response_id", "conversation")


async def _responding(request: Request, olhar: System, who: Who, talks: Talks, long: Long) -> Responding:
    body = await json_body(request, ResponseIn)
    pictures = [uri for item in body.items() for uri in item.pictures()]
    return await opened(long, pictures, _understand, body, olhar, who, talks)


@router.post(
    "/v1/responses",
    operation_id="responses",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": json_schema("ResponseIn")}},
    response_model=ResponseOut,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/ResponseEvent"}}},
            "description": "The response, or with `stream` its events, last `response.completed`, "
            "`response.incomplete` or `response.failed`.",
        }
    },
)
async def responses(
    responding: Annotated[Responding, Depends(_responding)], request: Request, olhar: System, talks: Talks
) -> Response:
    """Answer the last message of the user from a collection, in the form of OpenAI's responses."""
    opened = await open_chat(request, olhar, responding.chat, talks)
    if responding.chat.stream:
        events = response_events(opened, responding)
        return StreamingResponse(events, media_type="text/event-stream", headers=NOT_KEPT)
    response = responding.answered(await whole(request, opened))
    return Response(response.model_dump_json(), media_type="application/json")


def _understand(body: ResponseIn, olhar: Olhar, who: Principal, talks: Conversations) -> Responding:
    warnings = _parameters(body)
    asked, earlier = body.asked()
    talk = Talk(
        model=body.model,
        text=asked.text(),
        images=asked.pictures(),
        earlier=earlier,
        options=body.options(),
        thread=body.thread,
        faithfulness=body.faithfulness,
        where="input",
    )
    question, collection = understood(talk, olhar, who, talks)
    chat = Chat(
        id=f"resp_{uuid.uuid4().hex}",
        created=int(time.time()),
        model=body.model,
        collection=collection,
        asked=question,
        warnings=warnings,
        stream=bool(body.stream),
        with_usage=True,
    )
    return Responding(chat, body)


def _parameters(body: ResponseIn) -> tuple[str, ...]:
    given = dict(body.model_extra or {})
    for name in NOT_KEPT_HERE:
        if given.get(name):
            raise InvalidInput(
                f"{name}: responses are not kept; send the earlier turns in input, or name a thread"
            )
    if body.text and body.text.verbosity:
        given["verbosity"] = body.text.verbosity
    return without_effect(given, silent=SILENT, ignored=IGNORED, as_if_absent=AS_IF_ABSENT)
