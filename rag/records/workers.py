"""Which workers are alive, so that another can take up what a dead one left."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import delete, insert, select, update

from rag.records.database import Database
from rag.records.schema import workers


class Workers:
    """A sign of life of each worker."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def beat(self, worker: str) -> None:
        """This worker is alive now."""
        with self._database.writing() as connection:
            seen = update(workers).where(workers.c.id == worker).values(seen_at=self._clock())
            if not connection.execute(seen).rowcount:
                connection.execute(insert(workers).values(id=worker, seen_at=self._clock()))

    def leave(self, worker: str) -> None:
        """This worker has ended, or is taken for dead."""
        with self._database.writing() as connection:
            connection.execute(delete(workers).where(workers.c.id == worker))

    def silent(self, seconds: float) -> list[str]:
        """Workers of which nothing was heard for so long."""
        with self._database.reading() as connection:
            late = workers.c.seen_at < self._clock() - seconds
            return [row.id for row in connection.execute(select(workers.c.id).where(late))]

    def alive(self, seconds: float) -> list[str]:
        """Workers that were heard of since then."""
        with self._database.reading() as connection:
            heard = workers.c.seen_at >= self._clock() - seconds
            return [row.id for row in connection.execute(select(workers.c.id).where(heard))]
