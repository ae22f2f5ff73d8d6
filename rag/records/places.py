"""Which source holds which item: by it is found what a source left behind, and who needs an original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from rag.records.database import Database
from rag.records.schema import places
from rag.records.types import Place
from rag.types import Scope

CHUNK: Final = 500
FIGURE: Final = "\x01figure:"
"""Begins the name under which a picture inside a document is noted, which is no name of a file."""


class Places:
    """The sources of every collection, each with its item."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, scope: Scope, found: Sequence[Place]) -> None:
        """As ``put``, but a sole place is still noted with the items that it had before."""
        self.put(scope, [replace(place, sole=False) for place in found])

    def put(self, scope: Scope, found: Sequence[Place]) -> None:
        """Say where items are; a sole place leaves the items that it had before."""
        rows = [
            {
                "tenant": scope.tenant,
                "collection": scope.collection,
                "source": place.source,
                "item_id": place.item_id,
                "sha256": place.sha256,
                "file_id": place.file_id,
            }
            for place in {(place.source, place.item_id): place for place in found}.values()
        ]
        if not rows:
            return
        make = sqlite.insert if self._database.sqlite else postgresql.insert
        insert = make(places)
        keep = insert.on_conflict_do_update(
            index_elements=["tenant", "collection", "source", "item_id"],
            set_={name: insert.excluded[name] for name in ("sha256", "file_id")},
        )
        sole = [place.source for place in found if place.sole]
        with self._database.writing() as connection:
            for some in _slices(sole):
                connection.execute(delete(places).where(_within(scope), places.c.source.in_(some)))
            connection.execute(keep, rows)

    def put_figures(self, scope: Scope, figures: Mapping[str, Sequence[str]]) -> None:
        """Say of documents, by item id, of which contents their pictures are."""
        found = [
            Place(f"{FIGURE}{item_id}:{sha256}", item_id, sha256)
            for item_id, contents in figures.items()
            for sha256 in contents
        ]
        self.put(scope, found)

    def forget_figures(self, scope: Scope, item_ids: Sequence[str]) -> None:
        """Documents that were not stored after all have no pictures."""
        with self._database.writing() as connection:
            for item_id in item_ids:
                mine = places.c.source.startswith(f"{FIGURE}{item_id}:", autoescape=True)
                connection.execute(delete(places).where(_within(scope) & mine))

    def without_items(self, scope: Scope, item_ids: Sequence[str]) -> set[str]:
        """Forget all places of these items; the hashes of what they were made of."""
        found: set[str] = set()
        with self._database.writing() as connection:
            for some in _slices(item_ids):
                mine = _within(scope) & places.c.item_id.in_(some)
                found.update(row.sha256 for row in connection.execute(select(places.c.sha256).where(mine)))
                connection.execute(delete(places).where(mine))
        return found

    def of(self, scope: Scope, sources: Sequence[str]) -> list[Place]:
        """Where these sources are, one entry for each item of theirs."""
        found: list[Place] = []
        with self._database.reading() as connection:
            for some in _slices(sources):
                asked = select(places).where(_within(scope), places.c.source.in_(some))
                found += [_place(row) for row in connection.execute(asked).mappings()]
        return found

    def sources_of(self, scope: Scope, item_ids: Sequence[str]) -> dict[str, list[str]]:
        """The sources of these items."""
        found: dict[str, list[str]] = {}
        with self._database.reading() as connection:
            for some in _slices(item_ids):
                asked = select(places).where(_within(scope), places.c.item_id.in_(some))
                for row in connection.execute(asked.order_by(places.c.source)).mappings():
                    found.setdefault(row["item_id"], []).append(row["source"])
        return found

    def sourced(self, scope: Scope, item_ids: Sequence[str]) -> set[str]:
        """Those of these items that some file holds; that they have pictures inside does not count."""
        found = self.sources_of(scope, item_ids)
        return {one for one, names in found.items() if any(not name.startswith(FIGURE) for name in names)}

    def under(self, scope: Scope, prefix: str) -> Iterator[Place]:
        """Sources that begin with ``prefix``, in order."""
        after = ("", "")
        while True:
            begins = places.c.source.startswith(prefix, autoescape=True)
            key = tuple_(places.c.source, places.c.item_id)
            asked = select(places).where(_within(scope), begins, key > after)
            with self._database.reading() as connection:
                rows = (
                    connection.execute(asked.order_by(places.c.source, places.c.item_id).limit(CHUNK))
                    .mappings()
                    .all()
                )
            yield from (_place(row) for row in rows)
            if len(rows) < CHUNK:
                return
            after = (rows[-1]["source"], rows[-1]["item_id"])

    def any(self) -> bool:
        """Whether any source is known at all."""
        with self._database.reading() as connection:
            return connection.execute(select(places.c.source).limit(1)).first() is not None

    def sources(self, scope: Scope, prefix: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """Sources that begin with ``prefix``, in order, those after ``after``; at most ``limit``."""
        begins = places.c.source.startswith(prefix, autoescape=True)
        figure = places.c.source.startswith(FIGURE, autoescape=True)
        asked = select(places.c.source).distinct().where(_within(scope), begins, ~figure)
        if after:
            asked = asked.where(places.c.source > after)
        with self._database.reading() as connection:
            return list(connection.execute(asked.order_by(places.c.source).limit(limit)).scalars())

    def scopes(self) -> list[Scope]:
        """Every collection of every tenant that has a source."""
        with self._database.reading() as connection:
            found = connection.execute(select(places.c.tenant, places.c.collection).distinct())
            return sorted((Scope(*row) for row in found), key=lambda s: (s.tenant, s.collection or ""))

    def forget(self, scope: Scope, sources: Sequence[str]) -> None:
        """These sources hold nothing any more."""
        with self._database.writing() as connection:
            for some in _slices(sources):
                connection.execute(delete(places).where(_within(scope), places.c.source.in_(some)))

    def forget_pairs(self, scope: Scope, pairs: Sequence[tuple[str, str]]) -> None:
        """The (source, item id) that are given hold no more; a source that moved on to another item stays."""
        with self._database.writing() as connection:
            for start in range(0, len(pairs), CHUNK):
                some = pairs[start : start + CHUNK]
                both = tuple_(places.c.source, places.c.item_id).in_(some)
                connection.execute(delete(places).where(_within(scope), both))

    def forget_collection(self, scope: Scope) -> None:
        """No source of the collection holds anything any more."""
        with self._database.writing() as connection:
            connection.execute(delete(places).where(_within(scope)))

    def uses(self, sha256s: Sequence[str]) -> set[str]:
        """Those of the contents that some source of any tenant holds."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in _slices(sha256s):
                asked = select(places.c.sha256).distinct().where(places.c.sha256.in_(some))
                found.update(row.sha256 for row in connection.execute(asked))
        return found

    def contents(self, scope: Scope) -> set[str]:
        """The hashes of all that the collection's sources hold."""
        with self._database.reading() as connection:
            found = connection.execute(select(places.c.sha256).distinct().where(_within(scope)))
            return {row.sha256 for row in found}


def _within(scope: Scope) -> ColumnElement[bool]:
    return (places.c.tenant == scope.tenant) & (places.c.collection == scope.collection)


def _place(row: Mapping[Any, Any]) -> Place:
    return Place(row["source"], row["item_id"], row["sha256"], file_id=row["file_id"])


def _slices(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
