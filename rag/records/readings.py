"""Pictures whose text is to be read: which wait, which are done, which were skipped and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rag.records.database import Database
from rag.records.schema import readings
from rag.records.types import WaitingReading
from rag.types import Scope

CHUNK: Final = 500
LEASE_S: Final = 600.0
"""What a worker took, others take no sooner: it may have died, or be slow."""


class Readings:
    """One entry for each picture of which the text is wanted; ``pending`` until it was read or given up."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def expect(self, scope: Scope, item_ids: Sequence[str]) -> None:
        """Put down that these items wait, whatever was known of them."""
        rows = [
            {"tenant": scope.tenant, "collection": scope.collection, "item_id": item_id, **self._fresh()}
            for item_id in dict.fromkeys(item_ids)
        ]
        if not rows:
            return
        insert = (sqlite.insert if self._database.sqlite else postgresql.insert)(readings)
        put = insert.on_conflict_do_update(
            index_elements=["tenant", "collection", "item_id"], set_=self._fresh()
        )
        with self._database.writing() as connection:
            connection.execute(put, rows)

    def take(self, size: int) -> list[WaitingReading]:
        """Up to ``size`` items of one collection that are due; of several workers one gets each."""
        with self._database.exclusive("readings"), self._database.writing() as connection:
            now = self._clock()
            due = select(readings).where((readings.c.state == "pending") & (readings.c.due_at <= now))
            due = due.order_by(readings.c.due_at, readings.c.item_id)
            first = connection.execute(due.limit(1)).one_or_none()
            if first is None:
                return []
            scope = Scope(first.tenant, first.collection)
            found = connection.execute(due.where(_within(scope)).limit(size)).all()
            if not self._database.sqlite:
                mine = _within(scope) & readings.c.item_id.in_([row.item_id for row in found])
                connection.execute(update(readings).where(mine).values(due_at=now + LEASE_S))
        return [WaitingReading(scope, row.item_id, row.attempts) for row in found]

    def end(
        self,
        taken: WaitingReading,
        state: Literal["pending", "done", "skipped"],
        reason: str = "",
        after: float = 0,
    ) -> None:
        """What became of one: ``pending`` is another try after so many seconds."""
        mine = _within(taken.scope) & (readings.c.item_id == taken.item_id)
        values = {
            "state": state, "reason": reason, "attempts": taken.attempts + 1, "due_at": self._clock() + after
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(update(readings).where(mine).values(**values))

    def retry(self, scope: Scope) -> int:
        """All of a collection that are not done wait again, and are due; how many."""
        with self._database.writing() as connection:
            open_ = _within(scope) & (readings.c.state != "done")
            return connection.execute(update(readings).where(open_).values(**self._fresh())).rowcount

    def known(self, scope: Scope, item_ids: Sequence[str]) -> set[str]:
        """Those of the items that there is an entry of."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(item_ids), CHUNK):
                some = readings.c.item_id.in_(item_ids[start : start + CHUNK])
                asked = select(readings.c.item_id).where(_within(scope) & some)
                found.update(row.item_id for row in connection.execute(asked))
        return found

    def counts(self, tenant: str) -> dict[str, dict[str, int]]:
        """By collection, how many are in each state."""
        asked = select(readings.c.collection, readings.c.state, func.count().label("count"))
        asked = asked.where(readings.c.tenant == tenant).group_by(readings.c.collection, readings.c.state)
        found: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            for collection, state, count in connection.execute(asked):
                found.setdefault(collection, {})[state] = count
        return found

    def forget_collection(self, scope: Scope) -> None:
        """Nothing of the collection is to be read any more."""
        with self._database.writing() as connection:
            connection.execute(delete(readings).where(_within(scope)))

    def _fresh(self) -> dict[str, str | int | float]:
        return {"state": "pending", "attempts": 0, "due_at": self._clock(), "reason": ""}


def _within(scope: Scope) -> ColumnElement[bool]:
    return (readings.c.tenant == scope.tenant) & (readings.c.collection == scope.collection)
