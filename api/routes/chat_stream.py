"""An answer on its way to a chat client: whole, or piece by piece as server-sent events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.administration import KINDS
from api.conversations import Conversations
from api.errors import ModelNotFound, detail_of, kebab, openai_error, status_of
from api.routes.answering import Ahead, Answering, while_there
from api.routes.chat_schemas import (
    ChatChunk,
    ChatOut,
    Choice,
    ChunkChoice,
    Delta,
    EvidenceListOut,
    Reply,
    UsageOut,
)
from api.schemas import AskOut, EvidenceOut
from rag.build import Olhar
from rag.errors import OlharError
from rag.questions import Question
from rag.store import SEEN
from rag.types import Answer, Evidence, Scope

logger = logging.getLogger(__name__)

NOT_KEPT: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Neither caches nor proxies in between may hold an answer back."""
DONE: Final = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat request, understood."""

    id: str
    created: int
    model: str
    collection: str | None
    asked: Question
    warnings: tuple[str, ...]
    stream: bool
    with_usage: bool

    def refuses(self, evidence: Sequence[Evidence]) -> bool:
        """Whether the only text is that there is no answer: no JSON, where that was asked for."""
        return self.asked.options.schema is not None and not evidence


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer whose evidence was found and whose text is still to come. Close ``answering``."""

    chat: Chat
    evidence: tuple[Evidence, ...]
    answering: Answering

    def told(self, answer: Answer) -> Answer:
        """With what the request itself is warned of."""
        return replace(answer, warnings=(*answer.warnings, *self.chat.warnings))


async def open_chat(request: Request, olhar: Olhar, chat: Chat, talks: Conversations) -> Opened:
    """Wait for a turn, and find the evidence.

    What fails until here has a status of its own. Raises Busy, ModelNotFound, ClientDisconnect and what the
    pipeline raises.
    """
    pieces = talks.kept(chat.asked, olhar.pipeline.stream(chat.asked))
    answering, evidence = await while_there(request, lambda: Answering.begin(request.app.state.turns, pieces))
    try:
        if chat.collection and not evidence and not await run_in_threadpool(_exists, olhar, chat.asked.scope):
            raise ModelNotFound(f"there is no model {chat.model!r}; /v1/models lists them")
    except BaseException:
        await answering.close()
        raise
    return Opened(chat, evidence, answering)


async def whole(request: Request, opened: Opened) -> Answer:
    """The whole answer. Raises ClientDisconnect."""
    try:
        answer = await while_there(request, opened.answering.rest)
    finally:
        await opened.answering.close()
    return opened.told(answer)


def completion(chat: Chat, answer: Answer) -> ChatOut:
    """The whole answer, as OpenAI's clients read it."""
    shown = AskOut.of(answer)
    refused = chat.refuses(answer.evidence)
    reply = Reply(content=None, refusal=shown.answer) if refused else Reply(content=shown.answer)
    return ChatOut(
        id=chat.id,
        created=chat.created,
        model=chat.model,
        choices=[Choice(message=reply, finish_reason=answer.finish)],
        usage=UsageOut.of(answer.usage),
        olhar=shown,
    )


def events(opened: Opened) -> AsyncIterator[str]:
    """The same answer, a chunk for each piece. What fails on the way is an event too.

    The model writes from now on, also when nobody reads.
    """
    return _events(opened, Ahead(opened.answering))


async def _events(opened: Opened, pieces: Ahead) -> AsyncIterator[str]:
    chat = opened.chat
    try:
        found = EvidenceListOut(evidence=[EvidenceOut.of_evidence(piece) for piece in opened.evidence])
        yield _event(_chunk(chat, Delta(role="assistant", content=""), olhar=found))
        waiting = ""
        while isinstance(piece := await pieces.next(), str):
            if chat.refuses(opened.evidence):
                waiting += piece
            else:
                yield _event(_chunk(chat, Delta(content=piece)))
        if waiting:
            yield _event(_chunk(chat, Delta(refusal=waiting)))
        last = _chunk(chat, Delta(), olhar=AskOut.of(opened.told(piece)))
        last.choices[0].finish_reason = piece.finish
        yield _event(last)
        if chat.with_usage:
            usage = UsageOut.of(piece.usage)
            yield _event(
                ChatChunk(id=chat.id, created=chat.created, model=chat.model, choices=[], usage=usage)
            )
        yield DONE
    except OlharError as error:
        yield _failure(status_of(type(error)), detail_of(error), kebab(type(error).__name__))
    except Exception:  # the status is sent already: say it in the stream
        logger.exception("an answer broke while it was streamed")
        yield _failure(500, "something broke inside; the server's log says what")
    finally:
        await pieces.close()


def _chunk(chat: Chat, delta: Delta, olhar: EvidenceListOut | AskOut | None = None) -> ChatChunk:
    return ChatChunk(
        id=chat.id, created=chat.created, model=chat.model, choices=[ChunkChoice(delta=delta)], olhar=olhar
    )


def _event(chunk: ChatChunk) -> str:
    """As OpenAI writes it: what has nothing to say is left out, only ``finish_reason`` may be null."""
    fields = chunk.model_dump(exclude={key for key in ("usage", "olhar") if getattr(chunk, key) is None})
    for choice in fields["choices"]:
        choice["delta"] = {key: value for key, value in choice["delta"].items() if value is not None}
    return f"data: {json.dumps(fields)}\n\n"


def _failure(status: int, detail: str, kind: str = "") -> str:
    return f"data: {json.dumps(openai_error(status, detail, kind))}\n\n"


def _exists(olhar: Olhar, scope: Scope) -> bool:
    """Whether it is among the models that are listed."""
    return any(olhar.store.scan(scope, kind, where=SEEN, limit=1) for kind in KINDS)
