"""What is done from time to time, by one process at a time, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import insert, select, update

from rag.records.database import Database
from rag.records.schema import chores
from rag.records.types import Chore
from rag.types import JSON


class Chores:
    """When each was begun last, and how it ended."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def due(self, name: str, every: float) -> bool:
        """Whether it is this caller's turn: no other gets it for the next ``every`` seconds.

        What was never done is due in that time, not now.
        """
        with self._database.exclusive("chores"), self._database.writing() as connection:
            now = self._clock()
            late = (chores.c.name == name) & (chores.c.begun_at <= now - every)
            if connection.execute(update(chores).where(late).values(begun_at=now)).rowcount:
                return True
            if connection.execute(select(chores.c.name).where(chores.c.name == name)).first() is None:
                connection.execute(insert(chores).values(name=name, begun_at=now, said={}))
            return False

    def ended(self, name: str, said: Mapping[str, JSON]) -> None:
        """It was done now, and this came of it."""
        with self._database.exclusive("chores"), self._database.writing() as connection:
            values = {"begun_at": self._clock(), "ended_at": self._clock(), "said": dict(said)}
            if not connection.execute(update(chores).where(chores.c.name == name).values(**values)).rowcount:
                connection.execute(insert(chores).values(name=name, **values))

    def last(self, name: str) -> Chore | None:
        """How it ended the last time; None when it was never done."""
        with self._database.reading() as connection:
            asked = select(chores).where((chores.c.name == name) & chores.c.ended_at.is_not(None))
            row = connection.execute(asked).mappings().one_or_none()
        return None if row is None else Chore(row["name"], row["ended_at"], row["said"])
