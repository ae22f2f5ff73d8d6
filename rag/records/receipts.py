"""The receipts of sources, whichever job they are of: the newest one counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, update

from rag.records.database import Database
from rag.records.rows import FILE, to_file
from rag.records.schema import files, jobs
from rag.records.types import FileRow
from rag.types import Scope

CHUNK: Final = 500
STORED: Final = ("indexed", "duplicate", "unchanged")
DELETED: Final = "deleted since"
HELD: Final = "taken out of search by moderation since, until it is decided"


class Receipts:
    """What became of sources the last time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stored(self, scope: Scope) -> Iterator[list[FileRow]]:
        """The newest receipt of each source, where it names an item; in groups."""
        newest = select(func.max(files.c.id)).where(_of(scope)).group_by(files.c.source)
        with self._database.reading() as connection:
            ids = sorted(connection.execute(newest).scalars())
        for start in range(0, len(ids), CHUNK):
            found = files.c.id.in_(ids[start : start + CHUNK]) & files.c.status.in_(STORED)
            rows = self._read(found & (files.c.item_id != ""))
            if rows:
                yield rows

    def scopes(self) -> list[Scope]:
        """Every collection of every tenant that has had a job."""
        with self._database.reading() as connection:
            found = connection.execute(select(jobs.c.tenant, jobs.c.collection).distinct())
            return [Scope(*row) for row in found]

    def last(self, scope: Scope, source: str) -> FileRow | None:
        """The file that a source was the last time it was named; None when no job is left that names it."""
        newest = select(func.max(files.c.id)).where(_of(scope) & (files.c.source == source))
        rows = self._read(files.c.id == newest.scalar_subquery())
        return rows[0] if rows else None

    def under_way(self, scope: Scope, sources: Sequence[str]) -> set[str]:
        """Those of the sources that some job has not come to the end of."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(sources), CHUNK):
                some = files.c.source.in_(sources[start : start + CHUNK])
                asked = select(files.c.source).where(_of(scope) & some & (files.c.state != "done"))
                found.update(connection.execute(asked).scalars())
        return found

    def deleted(self, scope: Scope, *, item_id: str = "", sha256: str = "", source: str = "") -> None:
        """An item, a source or (neither) all was deleted on purpose: let the receipts say so.

        ``sha256``: of what the item was made; receipts of what is held name it by that alone.
        """
        held = files.c.reason == HELD
        meant = _of(scope) & ((files.c.item_id != "") | held)
        if item_id:
            meant &= (files.c.item_id == item_id) | (
                held & (files.c.sha256 == sha256) & (files.c.sha256 != "")
            )
        if source:
            meant &= files.c.source == source
        with self._database.writing() as connection:
            connection.execute(update(files).where(meant).values(item_id="", reason=DELETED))

    def held(self, scope: Scope, item_id: str) -> None:
        """Moderation took it out of search: let the receipts say so."""
        meant = _of(scope) & (files.c.item_id == item_id)
        with self._database.writing() as connection:
            connection.execute(update(files).where(meant).values(item_id="", reason=HELD))

    def _read(self, *conditions: ColumnElement[bool]) -> list[FileRow]:
        with self._database.reading() as connection:
            found: Any = connection.execute(select(*FILE).where(*conditions).order_by(files.c.id))
            return [to_file(row) for row in found]


def _of(scope: Scope) -> ColumnElement[bool]:
    mine = (jobs.c.tenant == scope.tenant) & (jobs.c.collection == scope.collection)
    return files.c.job_id.in_(select(jobs.c.id).where(mine))
