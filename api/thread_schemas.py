"""The JSON shapes of threads and of feedback, the same over HTTP and with ``--json``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel as Out
from pydantic import Field, StringConstraints

from api.query_schemas import Body, Text, ThreadId
from api.schemas import Shown
from rag.records.feedback import COMMENT, Feedback
from rag.records.threads import TITLE, KeptTurn, Thread
from rag.settings import Name

Title = Annotated[Text, StringConstraints(max_length=TITLE)]


class ThreadIn(Body):
    """A thread to begin. Without a title it is called by its first question."""

    title: Title = ""
    collection: Name | None = None


class TitleIn(Body):
    """A new title."""

    title: Annotated[Title, StringConstraints(min_length=1)]


class ThreadOut(Out):
    """A conversation that is kept. Times are Unix seconds; ``turns`` counts questions and answers."""

    id: str
    title: Shown
    collection: str
    created_at: float
    touched_at: float
    turns: int

    @classmethod
    def of(cls, thread: Thread) -> ThreadOut:
        return cls(**{name: getattr(thread, name) for name in Thread.__slots__})


class ThreadsOut(Out):
    """Threads, those used last first. ``next`` is ``before`` for more; null where there are no more."""

    threads: list[ThreadOut]
    next: str | None


class KeptTurnOut(Out):
    """A question, or an answer with its id, the items it was written from and those it cites."""

    role: Literal["user", "assistant"]
    text: Shown
    at: float
    answer: str
    evidence: list[str]
    cited: list[str]
    model: Shown

    @classmethod
    def of(cls, turn: KeptTurn) -> KeptTurnOut:
        return cls(
            role="user" if turn.role == "user" else "assistant",
            text=turn.text,
            at=turn.at,
            answer=turn.answer,
            evidence=list(turn.evidence),
            cited=list(turn.cited),
            model=turn.model,
        )


class ConversationOut(ThreadOut):
    """A thread with all that was said."""

    said: list[KeptTurnOut]

    @classmethod
    def with_turns(cls, thread: Thread, turns: list[KeptTurn]) -> ConversationOut:
        return cls(**ThreadOut.of(thread).model_dump(), said=[KeptTurnOut.of(turn) for turn in turns])


class FeedbackIn(Body):
    """What somebody thinks of an answer; ``answer`` is its id."""

    answer: ThreadId
    rating: Literal["up", "down"]
    comment: Annotated[Text, StringConstraints(max_length=COMMENT)] = ""


class FeedbackOut(Out):
    """A rating with what it was given for: the question, the answer, ids of items, the model."""

    id: str
    answer: str
    rating: Literal["up", "down"]
    comment: Shown
    at: float
    question: Shown
    text: Shown
    evidence: list[str]
    cited: list[str]
    model: Shown

    @classmethod
    def of(cls, given: Feedback) -> FeedbackOut:
        answer = given.answer
        return cls(
            id=given.id,
            answer=answer.id,
            rating=given.rating,
            comment=given.comment,
            at=given.at,
            question=answer.question,
            text=answer.text,
            evidence=list(answer.evidence),
            cited=list(answer.cited),
            model=answer.model,
        )


class FeedbacksOut(Out):
    """Ratings, newest first. ``next`` is ``before`` for more; null where there are no more."""

    feedback: list[FeedbackOut] = Field(default_factory=list)
    next: str | None
