"""Later passes over items: which items wait for which, which are done, which were skipped and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rag.records.database import Database
from rag.records.schema import passes
from rag.records.types import Waiting
from rag.types import Scope

Kind: TypeAlias = Literal["ocr", "caption"]
CHUNK: Final = 500
LEASE_S: Final = 600.0
"""What a worker took, others take no sooner: it may have died, or be slow."""


class Pass:
    """One entry for each item that a pass is to look at; ``pending`` until it was looked at or given up."""

    def __init__(self, database: Database, kind: Kind, clock: Callable[[], float]) -> None:
        self._database = database
        self._kind = kind
        self._clock = clock

    def expect(self, scope: Scope, item_ids: Sequence[str]) -> None:
        """Put down that these items wait, whatever was known of them."""
        place = {"kind": self._kind, "tenant": scope.tenant, "collection": scope.collection}
        rows = [{**self._fresh(), **place, "item_id": item_id} for item_id in dict.fromkeys(item_ids)]
        if not rows:
            return
        insert = (sqlite.insert if self._database.sqlite else postgresql.insert)(passes)
        put = insert.on_conflict_do_update(
            index_elements=["kind", "tenant", "collection", "item_id"], set_=self._fresh()
        )
        with self._database.writing() as connection:
            connection.execute(put, rows)

    def due(self) -> bool:
        """Whether any item is."""
        due = self._mine & (passes.c.state == "pending") & (passes.c.due_at <= self._clock())
        with self._database.reading() as connection:
            return connection.execute(select(passes.c.item_id).where(due).limit(1)).first() is not None

    def take(self, size: int) -> list[Waiting]:
        """Up to ``size`` items of one collection that are due; of several workers one gets each."""
        with self._database.exclusive(f"passes\0{self._kind}"), self._database.writing() as connection:
            now = self._clock()
            due = select(passes).where(self._mine & (passes.c.state == "pending") & (passes.c.due_at <= now))
            due = due.order_by(passes.c.due_at, passes.c.item_id)
            first = connection.execute(due.limit(1)).one_or_none()
            if first is None:
                return []
            scope = Scope(first.tenant, first.collection)
            found = connection.execute(due.where(self._within(scope)).limit(size)).all()
            if not self._database.sqlite:
                mine = self._within(scope) & passes.c.item_id.in_([row.item_id for row in found])
                connection.execute(update(passes).where(mine).values(due_at=now + LEASE_S))
        return [Waiting(scope, row.item_id, row.attempts) for row in found]

    def end(
        self,
        taken: Waiting,
        state: Literal["pending", "done", "skipped"],
        reason: str = "",
        after: float = 0,
    ) -> None:
        """What became of one: ``pending`` is another try after so many seconds."""
        mine = self._within(taken.scope) & (passes.c.item_id == taken.item_id)
        values = {
            "state": state, "reason": reason, "attempts": taken.attempts + 1, "due_at": self._clock() + after
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(update(passes).where(mine).values(**values))

    def put_off(self, taken: Waiting, reason: str, after: float) -> None:
        """It waits on for so many seconds, through no fault of its own: that is no try."""
        mine = self._within(taken.scope) & (passes.c.item_id == taken.item_id)
        with self._database.writing() as connection:
            values = {"reason": reason, "due_at": self._clock() + after}
            connection.execute(update(passes).where(mine).values(**values))

    def retry(self, scope: Scope) -> int:
        """All of a collection that are not done wait again, and are due; how many."""
        with self._database.writing() as connection:
            open_ = self._within(scope) & (passes.c.state != "done")
            return connection.execute(update(passes).where(open_).values(**self._fresh())).rowcount

    def known(self, scope: Scope, item_ids: Sequence[str]) -> set[str]:
        """Those of the items that there is an entry of."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(item_ids), CHUNK):
                some = passes.c.item_id.in_(item_ids[start : start + CHUNK])
                asked = select(passes.c.item_id).where(self._within(scope) & some)
                found.update(row.item_id for row in connection.execute(asked))
        return found

    def counts(self, tenant: str) -> dict[str, dict[str, int]]:
        """By collection, how many are in each state."""
        asked = select(passes.c.collection, passes.c.state, func.count().label("count"))
        asked = asked.where(self._mine & (passes.c.tenant == tenant)).group_by(
            passes.c.collection, passes.c.state
        )
        found: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            for collection, state, count in connection.execute(asked):
                found.setdefault(collection, {})[state] = count
        return found

    def forget_collection(self, scope: Scope) -> None:
        """Nothing of the collection is to be looked at any more."""
        with self._database.writing() as connection:
            connection.execute(delete(passes).where(self._within(scope)))

    def _fresh(self) -> dict[str, str | int | float]:
        return {"state": "pending", "attempts": 0, "due_at": self._clock(), "reason": ""}

    @property
    def _mine(self) -> ColumnElement[bool]:
        return passes.c.kind == self._kind

    def _within(self, scope: Scope) -> ColumnElement[bool]:
        return self._mine & (passes.c.tenant == scope.tenant) & (passes.c.collection == scope.collection)
