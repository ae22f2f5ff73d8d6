"""Rebuild the collections for other encoders, beside those in use, which stay readable meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from rag.errors import Conflict
from rag.store import collections, filters, moving
from rag.store.connection import CALL_SECONDS, Connection, translated
from rag.store.milvus import MilvusStore
from rag.store.reading import Reads
from rag.store.rows import ROW_FIELDS, Record, to_item, to_row
from rag.store.schema import ALIASES, ITEM_FIELDS
from rag.types import Fingerprint, Kind, Leg, Row

PAGE: Final = 500
FLAT_LIMIT: Final = 20_000


class Rebuild:
    """``pages`` gives what is stored, ``write`` takes what replaces it, ``move`` puts that in use.

    A rebuild that was cut short goes on where it was, if the encoders are the same; else it starts anew.
    It belongs to one process at a time. Close it in any case.
    """

    def __init__(self, connection: Connection, fingerprints: Mapping[Leg, Fingerprint]) -> None:
        self._connection = connection
        self._in_use = Reads(connection, ALIASES)
        self._fingerprints = fingerprints
        with translated("looking at the collections"):
            moving.settle(connection)
            self._stored = self._stored_fingerprints()
            self._number = moving.number_in_use(connection) + 1
            if self.needed:
                self._start()
            else:
                self._drop_begun(keep=None)

    @classmethod
    def open(cls, uri: str, *, token: str = "", image: Fingerprint, text: Fingerprint) -> Rebuild:
        """Begin, or go on. Raises StoreUnavailable when the store cannot be had."""
        connection = Connection(uri, token)
        try:
            return cls(connection, {"image": image, "caption": text})
        except BaseException:
            connection.close()
            raise

    @property
    def needed(self) -> bool:
        """Whether some vectors were made by other encoders."""
        return not (self.keeps("image") and self.keeps("caption"))

    def keeps(self, leg: Leg) -> bool:
        """Whether the stored vectors of a leg are those of its encoder, and can be taken over."""
        return all(stored[leg] == self._fingerprints[leg] for stored in self._stored)

    def made_by(self, leg: Leg) -> Fingerprint:
        """The encoder of the stored vectors of a leg. There are some, since something is ``needed``."""
        return self._stored[0][leg]

    def count(self, kind: Kind) -> int:
        """How many items there are, of all tenants."""
        return self._in_use.count(kind, filters.ANYONE)

    def pages(self, kind: Kind, size: int) -> Iterator[list[tuple[Row, Row | None]]]:
        """All stored rows in groups, each with the row that has been written for it already, if any."""
        for records in _in_groups(self._in_use.walk(kind, filters.ANYONE, ROW_FIELDS, page=size), size):
            ids = [record["id"] for record in records]
            written = _by_id(self._written.by_id(kind, ids, ROW_FIELDS))
            yield [
                (to_row(record), to_row(written[record["id"]]) if record["id"] in written else None)
                for record in records
            ]

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows for the new collections; durable when it returns. Raises as ``MilvusStore.upsert``."""
        self._new.upsert(rows)

    def move(self) -> None:
        """Put what was written in use and drop what it replaces, wholly or not at all.

        Raises Conflict, with nothing changed, unless every stored item was written as it is now.
        """
        with translated("comparing the collections"):
            for kind in ALIASES:
                self._forget_deleted(kind)
            different = {alias: self._different(kind) for kind, alias in ALIASES.items()}
        if any(different.values()):
            raise Conflict(
                f"the rebuilt collections differ from those in use by {different['images']} images and "
                f"{different['passages']} passages, which were not written or have changed since; run "
                "`olhar reindex` again: it goes on from here"
            )
        moving.decide(self._connection, self._number)

    def close(self) -> None:
        """Release the file or the connection."""
        self._connection.close()

    def _stored_fingerprints(self) -> list[dict[Leg, Fingerprint]]:
        return [
            collections.stored_fingerprints(self._connection, alias)
            for alias in ALIASES.values()
            if self._connection.client.has_collection(alias, timeout=CALL_SECONDS)
        ]

    def _start(self) -> None:
        self._finish_first_opening()
        self._drop_begun(keep=self._fingerprints)
        self._names: dict[Kind, str] = {kind: f"{alias}_{self._number}" for kind, alias in ALIASES.items()}
        for name in self._names.values():
            collections.create(self._connection, name, self._fingerprints)
        for alias in ALIASES.values():
            collections.make_ready(self._connection, alias, FLAT_LIMIT)
        self._new = MilvusStore(
            self._connection,
            {k: collections.make_ready(self._connection, n, FLAT_LIMIT) for k, n in self._names.items()},
            {leg: fingerprint.dimension for leg, fingerprint in self._fingerprints.items()},
            self._names,
        )
        self._written = Reads(self._connection, self._names)

    def _finish_first_opening(self) -> None:
        """Make the collection that is missing when the very first opening was cut short."""
        client = self._connection.client
        for alias in ALIASES.values():
            if not client.has_collection(alias, timeout=CALL_SECONDS):
                physical = f"{alias}_{self._number - 1}"
                collections.create(self._connection, physical, self._stored[0])
                client.create_alias(physical, alias, timeout=CALL_SECONDS)

    def _drop_begun(self, keep: Mapping[Leg, Fingerprint] | None) -> None:
        """Drop what an earlier rebuild left, but what the encoders of ``keep`` made."""
        for alias, places in moving.numbers(self._connection).items():
            for name in [f"{alias}_{n}" for n in places if n >= self._number]:
                if collections.stored_fingerprints(self._connection, name) != keep:
                    moving.drop(self._connection, name)

    def _forget_deleted(self, kind: Kind) -> None:
        """Drop what was written for items that have been deleted since."""
        stored = {record["id"] for record in self._in_use.walk(kind, filters.ANYONE, ("id",))}
        written = [record["id"] for record in self._written.walk(kind, filters.ANYONE, ("id",))]
        gone = [item_id for item_id in written if item_id not in stored]
        for start in range(0, len(gone), PAGE):
            self._connection.client.delete(
                self._names[kind],
                filter=filters.one_of(gone[start : start + PAGE]),
                timeout=CALL_SECONDS,
            )
        if gone and self._connection.lite:
            self._connection.client.flush(self._names[kind], timeout=CALL_SECONDS)

    def _different(self, kind: Kind) -> int:
        """How many items are not written, or not as they are stored."""
        different = abs(self.count(kind) - self._written.count(kind, filters.ANYONE))
        unequal = 0
        for records in _in_groups(self._in_use.walk(kind, filters.ANYONE, ITEM_FIELDS, page=PAGE), PAGE):
            ids = [record["id"] for record in records]
            written = _by_id(self._written.by_id(kind, ids, ITEM_FIELDS))
            for record in records:
                other = written.get(record["id"])
                unequal += other is None or to_item(other) != to_item(record)
        return max(different, unequal)


def _in_groups(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while group := list(islice(records, size)):
        yield group


def _by_id(records: Iterable[Record]) -> dict[str, Record]:
    return {record["id"]: record for record in records}
