"""What is being deleted: put down before the first row goes, and forgotten after the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from sqlalchemy import delete, insert, select

from rag.records.database import Database
from rag.records.schema import removals
from rag.records.types import Removal
from rag.types import Scope


class Removals:
    """Deletions that have begun and are not known to have ended."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def begin(
        self,
        scope: Scope,
        target: Literal["item", "source", "collection", "hold"],
        name: str = "",
        contents: Sequence[str] = (),
    ) -> Removal:
        """Put down that this goes, and which originals may be unused then."""
        with self._database.writing() as connection:
            made = insert(removals).values(
                tenant=scope.tenant,
                collection=scope.collection,
                target=target,
                name=name,
                contents=list(contents),
                created_at=self._clock(),
            )
            number: int = connection.execute(made.returning(removals.c.id)).scalar_one()
        return Removal(number, scope, target, name, tuple(contents))

    def unfinished(self, scope: Scope | None = None) -> list[Removal]:
        """Those that were broken off, of one collection or all, oldest first."""
        asked = select(removals).order_by(removals.c.id)
        if scope is not None:
            mine = (removals.c.tenant == scope.tenant) & (removals.c.collection == scope.collection)
            asked = asked.where(mine)
        with self._database.reading() as connection:
            rows = connection.execute(asked).mappings()
            return [
                Removal(
                    row["id"],
                    Scope(row["tenant"], row["collection"]),
                    row["target"],
                    row["name"],
                    tuple(row["contents"]),
                )
                for row in rows
            ]

    def end(self, removal: Removal) -> None:
        """All of it is gone, also of earlier deletions of the same."""
        same = (
            (removals.c.tenant == removal.scope.tenant)
            & (removals.c.collection == removal.scope.collection)
            & (removals.c.target == removal.target)
            & (removals.c.name == removal.name)
            & (removals.c.id <= removal.id)
        )
        with self._database.writing() as connection:
            connection.execute(delete(removals).where(same))
