"""An answer on its way to a client of OpenAI's responses: whole, or as server-sent events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from api.errors import detail_of, kebab
from api.routes.answering import Ahead
from api.routes.chat_schemas import EvidenceListOut
from api.routes.chat_stream import Chat, Opened
from api.routes.response_schemas import ResponseIn
from api.routes.response_shapes import (
    FailureCode,
    FailureOut,
    Incomplete,
    OutputMessage,
    OutputRefusal,
    OutputText,
    ResponseEvent,
    ResponseOut,
    ResponseUsageOut,
    Status,
    TextOut,
)
from api.schemas import AskOut, EvidenceOut
from rag.errors import Busy, OlharError
from rag.types import Answer

logger = logging.getLogger(__name__)

BUG = "something broke inside; the server's log says what"


@dataclass(frozen=True, slots=True)
class Responding:
    """A request, understood, and as it was sent: a response repeats much of it."""

    chat: Chat
    asked: ResponseIn

    @property
    def item_id(self) -> str:
        """Of the one message in the output."""
        return f"msg_{self.chat.id.removeprefix('resp_')}"

    def response(self, status: Status, output: Sequence[OutputMessage] = (), **fields: Any) -> ResponseOut:
        """With what it repeats of the request; ``fields`` are further ones."""
        text = self.asked.text
        return ResponseOut(
            id=self.chat.id,
            created_at=self.chat.created,
            status=status,
            output=list(output),
            instructions=self.asked.instructions,
            max_output_tokens=self.asked.max_output_tokens,
            metadata=self.asked.metadata or {},
            model=self.chat.model,
            temperature=self.asked.temperature,
            text=TextOut(
                format=text.format.model_dump(by_alias=True, exclude_none=True) if text else {"type": "text"}
            ),
            **fields,
        )

    def answered(self, answer: Answer) -> ResponseOut:
        """The whole response; ``incomplete`` where the answer was cut off."""
        cut = answer.finish == "length"
        return self.response(
            "incomplete" if cut else "completed",
            [self.message(answer)],
            incomplete_details=Incomplete() if cut else None,
            usage=ResponseUsageOut.of(answer.usage),
            olhar=AskOut.of(answer),
        )

    def message(self, answer: Answer) -> OutputMessage:
        """The answer as the one message."""
        status: Literal["completed", "incomplete"] = (
            "incomplete" if answer.finish == "length" else "completed"
        )
        part = self.part(answer.text, refused=self.chat.refuses(answer.evidence))
        return OutputMessage(id=self.item_id, status=status, content=[part])

    def part(self, text: str, *, refused: bool) -> OutputText | OutputRefusal:
        """A text, or the refusal to write the JSON that was asked for."""
        return OutputRefusal(refusal=text) if refused else OutputText(text=text)


class _Events:
    """Writes events with their numbers."""

    def __init__(self, responding: Responding) -> None:
        self._numbers = count()
        self._place = {"output_index": 0, "item_id": responding.item_id, "content_index": 0}

    def __call__(self, kind: str, **fields: Any) -> str:
        event = ResponseEvent(type=kind, sequence_number=next(self._numbers), **fields)
        written = {key: event.model_dump(mode="json")[key] for key in event.model_fields_set}
        return f"event: {kind}\ndata: {json.dumps(written)}\n\n"

    def placed(self, kind: str, **fields: Any) -> str:
        """One of the message's only part."""
        return self(kind, **self._place, **fields)


def response_events(opened: Opened, responding: Responding) -> AsyncIterator[str]:
    """The response, an event for each piece, in OpenAI's order. What fails on the way is ``response.failed``.

    The model writes from now on, also when nobody reads.
    """
    return _written(opened, responding, Ahead(opened.answering))


async def _written(opened: Opened, responding: Responding, pieces: Ahead) -> AsyncIterator[str]:
    event = _Events(responding)
    refused = responding.chat.refuses(opened.evidence)
    kind = "refusal" if refused else "output_text"
    try:
        for text in _begun(opened, responding, event, refused=refused):
            yield text
        extra: dict[str, Any] = {} if refused else {"logprobs": []}
        while isinstance(piece := await pieces.next(), str):
            yield event.placed(f"response.{kind}.delta", delta=piece, **extra)
        said = {"refusal": piece.text} if refused else {"text": piece.text, "logprobs": []}
        yield event.placed(f"response.{kind}.done", **said)
        for text in _ended(opened.told(piece), responding, event):
            yield text
    except OlharError as error:
        yield _failed(event, responding, _failure(error))
    except Exception:  # the status is sent already: say it in the stream
        logger.exception("an answer broke while it was streamed")
        yield _failed(event, responding, FailureOut(code="server_error", message=BUG))
    finally:
        await pieces.close()


def _begun(opened: Opened, responding: Responding, event: _Events, *, refused: bool) -> tuple[str, ...]:
    found = EvidenceListOut(evidence=[EvidenceOut.of_evidence(piece) for piece in opened.evidence])
    begun = responding.response("in_progress", olhar=found)
    message = OutputMessage(id=responding.item_id, status="in_progress", content=[])
    return (
        event("response.created", response=begun),
        event("response.in_progress", response=begun),
        event("response.output_item.added", output_index=0, item=message),
        event.placed("response.content_part.added", part=responding.part("", refused=refused)),
    )


def _ended(answer: Answer, responding: Responding, event: _Events) -> tuple[str, ...]:
    whole = responding.answered(answer)
    message = whole.output[0]
    return (
        event.placed("response.content_part.done", part=message.content[0]),
        event("response.output_item.done", output_index=0, item=message),
        event(f"response.{whole.status}", response=whole),
    )


def _failure(error: OlharError) -> FailureOut:
    """OpenAI's clients know its own codes only: ours stands in the message."""
    kind = kebab(type(error).__name__).replace("-", "_")
    code: FailureCode = "rate_limit_exceeded" if isinstance(error, Busy) else "server_error"
    return FailureOut(code=code, message=f"{kind}: {detail_of(error)}")


def _failed(event: _Events, responding: Responding, failure: FailureOut) -> str:
    return event("response.failed", response=responding.response("failed", error=failure))
