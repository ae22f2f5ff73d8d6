"""Conversations that are kept: their turns, in order, until they are deleted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from rag.errors import Conflict, NotFound
from rag.records.answers import Answered
from rag.records.database import Database
from rag.records.schema import thread_turns, threads
from rag.types import Turn

MOST_TURNS: Final = 2_000
TITLE: Final = 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation. Times are Unix seconds; ``turns`` counts both sides."""

    id: str
    title: str
    collection: str
    created_at: float
    touched_at: float
    turns: int


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """One side of an exchange, ``place`` from 0. What is of the answer alone is empty for a question."""

    place: int
    role: str
    text: str
    at: float
    answer: str = ""
    evidence: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    model: str = ""


class Threads:
    """The threads of all tenants; each call sees those of one. ``clock`` gives Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def create(self, tenant: str, title: str = "", collection: str = "") -> Thread:
        """A new one, without turns."""
        now = self._clock()
        made = Thread(uuid.uuid4().hex, title[:TITLE], collection, now, now, 0)
        row = {name: getattr(made, name) for name in Thread.__slots__} | {"tenant": tenant}
        with self._database.writing() as connection:
            connection.execute(insert(threads).values(row))
        return made

    def get(self, tenant: str, thread_id: str) -> Thread:
        """Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(threads).where(_is(tenant, thread_id))).mappings().first()
        if row is None:
            raise NotFound(f"there is no thread {thread_id}")
        return _thread(row)

    def latest(self, tenant: str, *, limit: int = 50, before: str = "") -> list[Thread]:
        """Those used last come first; those after the thread ``before``. Raises NotFound for that one."""
        wanted: ColumnElement[bool] = threads.c.tenant == tenant
        if before:
            last = self.get(tenant, before)
            at, thread_id = threads.c.touched_at, threads.c.id
            earlier = (at == last.touched_at) & (thread_id < last.id)
            wanted &= or_(at < last.touched_at, earlier)
        newest = (threads.c.touched_at.desc(), threads.c.id.desc())
        with self._database.reading() as connection:
            rows = connection.execute(select(threads).where(wanted).order_by(*newest).limit(limit))
            return [_thread(row) for row in rows.mappings()]

    def turns(self, tenant: str, thread_id: str, *, last: int | None = None) -> list[KeptTurn]:
        """In their order, all or the ``last``. Raises NotFound."""
        self.get(tenant, thread_id)
        chosen = select(thread_turns).where(thread_turns.c.thread_id == thread_id)
        newest = chosen.order_by(thread_turns.c.place.desc())
        with self._database.reading() as connection:
            rows = connection.execute(newest if last is None else newest.limit(last)).mappings().all()
        return [_turn(row) for row in reversed(rows)]

    def history(self, tenant: str, thread_id: str, *, last: int) -> tuple[Turn, ...]:
        """The ``last`` turns as a question's history. Raises NotFound, and Conflict if the thread is full."""
        _require_room(thread_id, self.get(tenant, thread_id).turns)
        kept = self.turns(tenant, thread_id, last=last)
        return tuple(Turn("user" if turn.role == "user" else "assistant", turn.text) for turn in kept)

    def add(self, tenant: str, thread_id: str, answered: Answered) -> None:
        """A question and its answer. Raises NotFound, and Conflict when the thread is full.

        The first question becomes the title, where there is none.
        """
        now = self._clock()
        # Held until the turns are there: of two questions at a time each takes the places after the other's.
        mine = select(threads).where(_is(tenant, thread_id)).with_for_update()
        with self._database.writing() as connection:
            row = connection.execute(mine).mappings().first()
            if row is None:
                raise NotFound(f"there is no thread {thread_id}")
            count = connection.execute(
                select(func.count()).where(thread_turns.c.thread_id == thread_id)
            ).scalar_one()
            _require_room(thread_id, count)
            connection.execute(insert(thread_turns), _rows(thread_id, count, answered, now))
            title = row["title"] or " ".join(answered.question.split())[:TITLE]
            values = {"touched_at": now, "turns": count + 2, "title": title}
            connection.execute(update(threads).where(_is(tenant, thread_id)).values(values))

    def answer(self, tenant: str, answer_id: str) -> Answered | None:
        """An answer of some thread, with its question; None when there is none."""
        mine = (
            select(thread_turns)
            .join(threads)
            .where((threads.c.tenant == tenant) & (thread_turns.c.answer == answer_id))
            .order_by(thread_turns.c.place)
        )
        with self._database.reading() as connection:
            rows = [_turn(row) for row in connection.execute(mine).mappings()]
        if len(rows) != 2:
            return None
        asked, said = rows
        return Answered(answer_id, asked.text, said.text, said.evidence, said.cited, said.model)

    def rename(self, tenant: str, thread_id: str, title: str) -> Thread:
        """Raises NotFound."""
        self.get(tenant, thread_id)
        with self._database.writing() as connection:
            connection.execute(update(threads).where(_is(tenant, thread_id)).values(title=title[:TITLE]))
        return self.get(tenant, thread_id)

    def delete(self, tenant: str, thread_id: str) -> None:
        """With all its turns. Raises NotFound."""
        self.get(tenant, thread_id)
        with self._database.writing() as connection:
            connection.execute(delete(thread_turns).where(thread_turns.c.thread_id == thread_id))
            connection.execute(delete(threads).where(_is(tenant, thread_id)))


def _require_room(thread_id: str, count: int) -> None:
    if count >= MOST_TURNS:
        raise Conflict(f"the thread {thread_id} has {count} turns, the most allowed; begin a new one")


def _is(tenant: str, thread_id: str) -> ColumnElement[bool]:
    return (threads.c.tenant == tenant) & (threads.c.id == thread_id)


def _rows(thread_id: str, place: int, answered: Answered, now: float) -> Sequence[Mapping[str, Any]]:
    none: Mapping[str, Any] = {"evidence": [], "cited": [], "model": ""}
    both = {"thread_id": thread_id, "at": now, "answer": answered.id}
    said = {
        "evidence": list(answered.evidence),
        "cited": list(answered.cited),
        "model": answered.model,
    }
    return [
        {**both, **none, "place": place, "role": "user", "text": answered.question},
        {**both, **said, "place": place + 1, "role": "assistant", "text": answered.text},
    ]


def _thread(row: Mapping[Any, Any]) -> Thread:
    return Thread(**{name: row[name] for name in Thread.__slots__})


def _turn(row: Mapping[Any, Any]) -> KeptTurn:
    known = {name: row[name] for name in KeptTurn.__slots__}
    return KeptTurn(**known | {"evidence": tuple(row["evidence"]), "cited": tuple(row["cited"])})
