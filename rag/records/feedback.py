"""What people thought of answers: a thumb up or down, and why."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from rag.errors import NotFound
from rag.records.answers import Answered
from rag.records.database import Database
from rag.records.schema import feedback

Rating: TypeAlias = Literal["up", "down"]
COMMENT: Final = 2_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A rating with all that it was given for. ``at``: Unix seconds."""

    id: str
    answer: Answered
    rating: Rating
    comment: str
    at: float


class Feedbacks:
    """The ratings of all tenants; each call sees those of one. The last one of an answer counts."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def put(self, tenant: str, answer: Answered, rating: Rating, comment: str = "") -> Feedback:
        """Keep a rating in place of an earlier one of the same answer."""
        given = Feedback(uuid.uuid4().hex, answer, rating, comment[:COMMENT], self._clock())
        row = {
            "id": given.id,
            "tenant": tenant,
            "answer": answer.id,
            "rating": rating,
            "comment": given.comment,
            "at": given.at,
            "question": answer.question,
            "text": answer.text,
            "evidence": list(answer.evidence),
            "cited": list(answer.cited),
            "model": answer.model,
        }
        insert = (sqlite.insert if self._database.sqlite else postgresql.insert)(feedback)
        put = insert.values(row).on_conflict_do_update(index_elements=["tenant", "answer"], set_=row)
        with self._database.writing() as connection:
            connection.execute(put)
        return given

    def latest(
        self, tenant: str, *, limit: int = 50, before: str = "", rating: Rating | None = None
    ) -> list[Feedback]:
        """Newest first; those after the rating ``before``. Raises NotFound for that one."""
        wanted = feedback.c.tenant == tenant
        if rating is not None:
            wanted &= feedback.c.rating == rating
        with self._database.reading() as connection:
            if before:
                mine = (feedback.c.tenant == tenant) & (feedback.c.id == before)
                last = connection.execute(select(feedback.c.at).where(mine)).scalar_one_or_none()
                if last is None:
                    raise NotFound(f"there is no feedback {before}")
                at = feedback.c.at
                wanted &= (at < last) | ((at == last) & (feedback.c.id < before))
            newest = (feedback.c.at.desc(), feedback.c.id.desc())
            rows = connection.execute(select(feedback).where(wanted).order_by(*newest).limit(limit))
            return [_feedback(row) for row in rows.mappings()]


def _feedback(row: Mapping[Any, Any]) -> Feedback:
    answer = Answered(
        row["answer"],
        row["question"],
        row["text"],
        tuple(row["evidence"]),
        tuple(row["cited"]),
        row["model"],
    )
    return Feedback(row["id"], answer, row["rating"], row["comment"], row["at"])
