"""Threads and feedback of one tenant: one object behind the routes and the commands.

An answer is written down only where that was asked for, by naming a thread. The others are remembered in
memory for a while, so that a rating can be kept with what it was given for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from api.errors import Refused
from api.thread_schemas import ConversationOut, FeedbackOut, FeedbacksOut, ThreadOut, ThreadsOut
from rag.build import Olhar
from rag.errors import InvalidInput, NotFound, OlharError, Unavailable
from rag.pipeline import AWAY, IMAGE_QUESTION
from rag.questions import Question
from rag.records.answers import Answered, Recent
from rag.records.feedback import Rating
from rag.types import Answer, Evidence

logger = logging.getLogger(__name__)

LATEST = 40
"""Turns of a thread that are told with a question; the language model reads as many as fit."""


class Conversations:
    """What may be seen and done of one tenant's threads. Errors are those of the records."""

    def __init__(self, olhar: Olhar, tenant: str, recent: Recent, *, may_write: bool = True) -> None:
        self._olhar = olhar
        self._may_write = may_write
        self._tenant = tenant
        self._recent = recent

    def resumed(self, question: Question) -> Question:
        """The question with what was said in its thread before. Raises NotFound, InvalidInput and Refused.

        Raises Conflict when the thread is full.
        """
        if not question.thread:
            return question
        if not self._may_write:
            raise Refused(403, "a thread needs a key with the scope 'write'", "insufficient-scope")
        if question.history:
            raise InvalidInput("thread, and history: leave one of them out; the thread knows what was said")
        history = self._olhar.records.threads.history(self._tenant, question.thread, last=LATEST)
        return replace(question, history=history)

    def kept(
        self, question: Question, pieces: Iterator[tuple[Evidence, ...] | str | Answer]
    ) -> Iterator[tuple[Evidence, ...] | str | Answer]:
        """The pieces of an answer; when it is whole it is remembered, and added to its thread."""
        for piece in pieces:
            yield self.keep(question, piece) if isinstance(piece, Answer) else piece

    def keep(self, question: Question, answer: Answer) -> Answer:
        """Remember a whole answer, and add it to its thread, unless the language model was away.

        The answer; with a warning where its thread could not take it, which is no reason to lose it.
        """
        answered = Answered.of(question.query.text.strip() or IMAGE_QUESTION, answer)
        self._recent.put(self._tenant, answered)
        if not question.thread or answer.text == AWAY:
            return answer
        try:
            self._olhar.records.threads.add(self._tenant, question.thread, answered)
        except OlharError as error:
            logger.warning("an answer was not added to its thread: %s", error)
            why = "the records are away" if isinstance(error, Unavailable) else str(error)
            return replace(answer, warnings=(*answer.warnings, f"not added to its thread: {why}"))
        return answer

    def create(self, title: str, collection: str) -> ThreadOut:
        """A new thread."""
        return ThreadOut.of(self._olhar.records.threads.create(self._tenant, title, collection))

    def threads(self, *, limit: int = 50, before: str = "") -> ThreadsOut:
        """Those used last first."""
        found = self._olhar.records.threads.latest(self._tenant, limit=limit + 1, before=before)
        more = found[limit - 1].id if len(found) > limit else None
        return ThreadsOut(threads=[ThreadOut.of(one) for one in found[:limit]], next=more)

    def thread(self, thread_id: str) -> ConversationOut:
        """With all its turns."""
        records = self._olhar.records.threads
        turns = records.turns(self._tenant, thread_id)
        return ConversationOut.with_turns(records.get(self._tenant, thread_id), turns)

    def rename(self, thread_id: str, title: str) -> ThreadOut:
        """Another title."""
        return ThreadOut.of(self._olhar.records.threads.rename(self._tenant, thread_id, title))

    def delete(self, thread_id: str) -> None:
        """A thread with all its turns."""
        self._olhar.records.threads.delete(self._tenant, thread_id)

    def rate(self, answer_id: str, rating: Rating, comment: str) -> FeedbackOut:
        """Keep what somebody thinks of an answer. Raises NotFound when that is not known any more."""
        threads = self._olhar.records.threads
        answered = self._recent.get(self._tenant, answer_id) or threads.answer(self._tenant, answer_id)
        if answered is None:
            raise NotFound(
                f"the answer {answer_id} is not known any more; answers outside of threads are remembered "
                "until the server ends or many others came"
            )
        return FeedbackOut.of(self._olhar.records.feedback.put(self._tenant, answered, rating, comment))

    def feedback(self, *, limit: int = 50, before: str = "", rating: Rating | None = None) -> FeedbacksOut:
        """Newest first."""
        given = self._olhar.records.feedback
        found = given.latest(self._tenant, limit=limit + 1, before=before, rating=rating)
        more = found[limit - 1].id if len(found) > limit else None
        return FeedbacksOut(feedback=[FeedbackOut.of(one) for one in found[:limit]], next=more)
