"""OpenAI's chat completions over a collection, for the many programs that speak them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.deps import System
from api.errors import ModelNotFound, invalid
from api.query_schemas import QueryIn
from api.querying import Asked
from api.routes.chat_schemas import (
    ChatIn,
    ChatOut,
    Choice,
    ImagePart,
    Message,
    ModelOut,
    ModelsOut,
    Reply,
    TextPart,
)
from api.routes.forms import json_body, json_schema
from api.routes.queries import resolve
from api.schemas import AskOut
from rag.build import Olhar
from rag.errors import InvalidInput

router = APIRouter(tags=["openai"])

MODEL = re.compile(r"olhar(?:/([A-Za-z0-9][A-Za-z0-9_.-]{0,63}))?")
"""``olhar`` is the collection of the settings, ``olhar/<name>`` another."""

SILENT = frozenset(
    {"user", "metadata", "store", "service_tier", "stream_options", "safety_identifier", "prompt_cache_key"}
)
"""Parameters that do not change an answer."""
IGNORED = frozenset(
    {
        "frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens", "presence_penalty",
        "reasoning_effort", "seed", "stop", "temperature", "top_p", "verbosity",
    }
)  # fmt: skip
"""Parameters that chat programs send with every request; a warning says that they had no effect."""
AS_IF_ABSENT: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "top_logprobs": (0,),
}
"""Values that ask for nothing beyond what is done anyway."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat request, understood."""

    model: str
    collection: str | None
    asked: Asked
    warnings: tuple[str, ...]


async def _chat(request: Request, olhar: System) -> Chat:
    body = await json_body(request, ChatIn)
    return await run_in_threadpool(_understand, body, olhar)


@router.post(
    "/v1/chat/completions",
    operation_id="chat_completions",
    openapi_extra={"requestBody": {"required": True, "content": json_schema("ChatIn")}},
)
def chat_completions(chat: Annotated[Chat, Depends(_chat)], olhar: System) -> ChatOut:
    """Answer the last user message from a collection; ``model`` names it: ``olhar/<collection>``."""
    asked = chat.asked
    answer = olhar.pipeline.ask(asked.scope, asked.query)
    if chat.collection and not answer.evidence and not _exists(olhar, chat.collection):
        raise ModelNotFound(f"there is no model {chat.model!r}; /v1/models lists them")
    answer = replace(answer, warnings=(*answer.warnings, *chat.warnings))
    shown = AskOut.of(answer)
    return ChatOut(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=chat.model,
        choices=[Choice(message=Reply(content=shown.answer))],
        olhar=shown,
    )


@router.get("/v1/models", operation_id="models")
def models(request: Request, olhar: System) -> ModelsOut:
    """The collections, as models to chat with."""
    created: int = request.app.state.started
    names = ["olhar", *(f"olhar/{c.name}" for c in olhar.store.collections(olhar.settings.tenant))]
    return ModelsOut(data=[ModelOut(id=name, created=created) for name in names])


def _understand(body: ChatIn, olhar: Olhar) -> Chat:
    if body.stream:
        raise InvalidInput('streaming is not supported yet; send "stream": false')
    match = MODEL.fullmatch(body.model)
    if match is None:
        raise ModelNotFound(f"there is no model {body.model!r}; /v1/models lists them")
    warnings = _parameters(body.model_extra or {})
    question, earlier = _question(body.messages)
    if earlier:
        warnings += ("only the last user message is read; what came before it has no effect yet",)
    try:
        wanted = QueryIn(collection=match[1], **question)
    except ValidationError as error:
        raise invalid(error, "messages") from None
    return Chat(body.model, match[1], resolve(olhar, wanted), warnings)


def _parameters(given: Mapping[str, Any]) -> tuple[str, ...]:
    asking = {
        key: value
        for key, value in given.items()
        if key not in SILENT and value not in (None, False, [], {}) and value not in AS_IF_ABSENT.get(key, ())
    }
    unsupported = sorted(asking.keys() - IGNORED)
    if unsupported:
        names = ", ".join(unsupported)
        raise InvalidInput(f"parameters that are not supported: {names}; leave them out")
    return (f"these parameters have no effect: {', '.join(sorted(asking))}",) if asking else ()


def _question(messages: list[Message]) -> tuple[dict[str, str], bool]:
    """The last user message as a query, and whether there is anything before it."""
    place = max((n for n, message in enumerate(messages) if message.role == "user"), default=None)
    if place is None:
        raise InvalidInput('messages: there is none of role "user"')
    content = messages[place].content or ""
    if isinstance(content, str):
        return {"text": content}, place > 0
    question = {"text": "\n".join(part.text for part in content if isinstance(part, TextPart))}
    pictures = [part.image_url.url for part in content if isinstance(part, ImagePart)]
    if len(pictures) > 1:
        raise InvalidInput(f"messages: {len(pictures)} pictures in a question; send one")
    return question | ({"image": pictures[0]} if pictures else {}), place > 0


def _exists(olhar: Olhar, collection: str) -> bool:
    return any(c.name == collection for c in olhar.store.collections(olhar.settings.tenant))
