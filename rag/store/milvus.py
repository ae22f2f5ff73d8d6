"""The store on Milvus: a Milvus Lite file or a server, one code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, Final

from rag.errors import InvalidInput
from rag.folding import fold_query
from rag.store import collections, filters, moving
from rag.store.connection import CALL_SECONDS, Connection
from rag.store.reading import PAGE, Reads, chunks
from rag.store.rows import (
    ROW_FIELDS,
    Record,
    batches,
    check_query,
    needs_padding,
    padding,
    to_item,
    to_record,
    to_row,
)
from rag.store.schema import ALIASES, HAS, ITEM_FIELDS, SPARSE, VECTORS, Dense, search_params
from rag.types import (
    READ_IN_PICTURE,
    VIDEO,
    CollectionInfo,
    Filter,
    Fingerprint,
    Item,
    Kind,
    Leg,
    Not,
    Row,
    Scope,
    Vector,
    Where,
)

MAX_LIMIT: Final = 16_384
"""Most rows that Milvus returns at once."""
SEEN: Final = Not(Where("modality", "in", ("document", VIDEO, READ_IN_PICTURE)))
"""The own row of a document or video stands for its parts, and a photo's text is no passage."""


class MilvusStore:
    """Implements ``rag.protocols.Store``. Threads may share one.

    One lock is held around each upsert or delete with its flush: while Milvus Lite flushes, rows
    that were written but not flushed are out of sight, and deleted ones come back. So nothing
    acknowledged is ever unflushed, and reads need no lock.
    """

    def __init__(
        self,
        connection: Connection,
        dense: Mapping[Kind, Dense],
        dimensions: Mapping[Leg, int],
        names: Mapping[Kind, str] = ALIASES,
    ) -> None:
        self._connection = connection
        self._names = names
        self._dense = dense
        self._dimensions = dimensions
        self._writing = connection.writing
        self._reads = Reads(connection, names)

    @classmethod
    def open(
        cls,
        uri: str,
        *,
        token: str = "",
        image: Fingerprint,
        text: Fingerprint,
        flat_limit: int = 20_000,
    ) -> MilvusStore:
        """Open a Milvus Lite file (a path that ends in ``.db``) or a server, made ready if it is new.

        A file's vector indexes are exact up to ``flat_limit`` rows; past that, opening it builds
        HNSW ones. A server's are HNSW. Raises StoreUnavailable when it cannot be had and
        FingerprintMismatch when its vectors were made by other encoders than these two.
        """
        fingerprints: dict[Leg, Fingerprint] = {"image": image, "caption": text}
        connection = Connection(uri, token)
        try:
            moving.settle(connection)
            dense = {
                kind: collections.ensure(connection, alias, fingerprints, flat_limit)
                for kind, alias in ALIASES.items()
            }
        except BaseException:
            connection.close()
            raise
        return cls(connection, dense, {leg: f.dimension for leg, f in fingerprints.items()})

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write rows, replacing those of equal id (the last one counts); durable and readable after.

        Raises InvalidInput, with nothing written, naming a row whose vector is NaN, zero or of
        another size, whose text is too long, or whose id is another tenant's or collection's.
        """
        records: dict[Kind, dict[str, Record]] = {"image": {}, "passage": {}}
        for row in rows:
            if row.item.kind not in records:
                raise InvalidInput(f"row {row.item.id!r}: kind is image or passage, not {row.item.kind!r}")
            record = to_record(row, self._dimensions)
            _refuse_two_scopes(records[row.item.kind].get(row.item.id), record)
            records[row.item.kind][row.item.id] = record
        with self._writing:
            for kind, own in records.items():
                self._refuse_foreign(kind, own)
            for kind, own in records.items():
                for batch in batches(own.values()):
                    self._write(kind, batch)

    def delete(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> int:
        """Remove items; returns how many were there."""
        removed = 0
        with self._writing, self._changing(kind, ids):
            for chunk in chunks(ids):
                condition = filters.compile_filter(scope, None, filters.one_of(chunk))
                there = self._reads.count(kind, condition)
                if there:
                    with self._reads.calling("deleting items") as client:
                        client.delete(self._names[kind], filter=condition, timeout=CALL_SECONDS)
                removed += there
            if removed:
                self._flush(kind)
        return removed

    def get(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Item]:
        """The items that exist, in the order of ``ids``, each once."""
        return [to_item(record) for record in self._by_id(scope, kind, ids, ITEM_FIELDS)]

    def rows(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Row]:
        """As ``get``, with vectors, which are not to be written to."""
        recent, name = self._connection.recent, self._names[kind]
        if recent is None or self._reads.closed:
            return [to_row(record) for record in self._by_id(scope, kind, ids, ROW_FIELDS)]
        found, since = recent.find(name, ids, scope)
        missing = [item_id for item_id in ids if item_id not in found]
        fresh = [to_row(record) for record in self._by_id(scope, kind, missing, ROW_FIELDS)]
        found |= {row.item.id: row for row in recent.keep(name, fresh, since)}
        return [found[item_id] for item_id in dict.fromkeys(ids) if item_id in found]

    def scan(
        self,
        scope: Scope,
        kind: Kind,
        *,
        where: Filter | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Item]:
        """Items in order of id, those after the id ``after``; at most ``limit``."""
        _check_limit(limit)
        condition = filters.compile_filter(scope, where)
        records = self._reads.walk(kind, condition, ITEM_FIELDS, after, page=min(limit, PAGE))
        return [to_item(record) for record in islice(records, limit)]

    def count(self, scope: Scope, kind: Kind, where: Filter | None = None) -> int:
        """How many items the scope holds."""
        return self._reads.count(kind, filters.compile_filter(scope, where))

    def collections(self, tenant: str) -> list[CollectionInfo]:
        """The tenant's collections, by name."""
        scope = Scope(tenant)
        condition = filters.compile_filter(scope, SEEN)
        counts = {kind: self._reads.tally(kind, condition, "collection") for kind in self._names}
        names = sorted(counts["image"].keys() | counts["passage"].keys())
        return [CollectionInfo(name, counts["image"][name], counts["passage"][name]) for name in names]

    def made_of(self, sha256s: Sequence[str]) -> set[str]:
        """Those of the contents that an item of any tenant is made of; says no more of whom."""
        return {
            record["content_hash"]
            for chunk in chunks(sha256s)
            for kind in self._names
            for record in self._reads.matching(kind, filters.made_of(chunk), ["content_hash"])
        }

    def search(
        self,
        scope: Scope,
        kind: Kind,
        leg: Leg,
        query: Vector | str,
        *,
        limit: int,
        where: Filter | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """(id, score) of the best items on one leg, best first, larger is better; ties by id.

        ``image`` and ``caption`` score by cosine in [-1, 1]; ``bm25`` is above 0, unbounded, and
        only matches come back. With ``ids``, each of those items that has the leg is scored.
        """
        _check_limit(limit)
        data = self._query_data(leg, query)
        if data is None:
            return []
        flags = (filters.having(HAS[leg]),) if leg in HAS else ()
        if ids is None:
            hits = self._search(kind, leg, data, filters.compile_filter(scope, where, *flags), limit)
        else:
            hits = [
                hit
                for chunk in chunks(ids)
                for hit in self._search(
                    kind,
                    leg,
                    data,
                    filters.compile_filter(scope, where, *flags, filters.one_of(chunk)),
                    len(chunk),
                )
            ]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def close(self) -> None:
        """Release the file or the connection; nothing may be called afterwards."""
        with self._writing:
            if not self._reads.closed:
                self._reads.close()
                self._connection.close()

    def _query_data(self, leg: Leg, query: Vector | str) -> Any:
        """What Milvus is asked, or None where nothing can match."""
        if leg in VECTORS:
            if isinstance(query, str):
                raise InvalidInput(f"the leg {leg} is searched by a vector, not by a text")
            return check_query(query, leg, self._dimensions[leg])
        if leg != "bm25" or not isinstance(query, str):
            raise InvalidInput(f"legs are image and caption (by vector) and bm25 (by text), not {leg!r}")
        return fold_query(query) or None

    def _search(self, kind: Kind, leg: Leg, data: Any, condition: str, limit: int) -> list[tuple[str, float]]:
        found = self._reads.ask(
            kind,
            f"searching the {leg} leg",
            lambda client: client.search(
                self._names[kind],
                [data],
                anns_field=VECTORS.get(leg, SPARSE),
                filter=condition,
                limit=limit,
                output_fields=["id"],  # without it Milvus Lite sends every field, vectors too
                search_params=search_params(self._dense[kind], limit) if leg in VECTORS else {},
                timeout=CALL_SECONDS,
            )[0],
        )
        pairs = zip(found.ids, found.distances, strict=True)
        if leg in VECTORS:
            return [(item_id, min(1.0, max(-1.0, float(distance)))) for item_id, distance in pairs]
        # Milvus Lite gives BM25 scores below zero, a server above; both best first.
        scores = [(item_id, abs(float(distance))) for item_id, distance in pairs]
        return [(item_id, score) for item_id, score in scores if score > 0]

    def _by_id(self, scope: Scope, kind: Kind, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """In the order of ``ids``, each once."""
        found = {record["id"]: record for record in self._reads.by_id(kind, ids, fields, scope)}
        return [found[i] for i in dict.fromkeys(ids) if i in found]

    def _write(self, kind: Kind, batch: list[Record]) -> None:
        if self._connection.lite and needs_padding(batch):
            batch = [*batch, padding(batch[0], self._dimensions)]
        with self._changing(kind, [record["id"] for record in batch]):
            with self._reads.calling("writing items") as client:
                client.upsert(self._names[kind], batch, timeout=CALL_SECONDS)
            self._flush(kind)

    def _flush(self, kind: Kind) -> None:
        """Milvus Lite searches unflushed rows slowly; a server keeps them in its log and limits flushes."""
        if self._connection.lite:
            with self._reads.calling("flushing") as client:
                client.flush(self._names[kind], timeout=CALL_SECONDS)

    def _changing(self, kind: Kind, ids: Sequence[str]) -> AbstractContextManager[None]:
        recent = self._connection.recent
        return nullcontext() if recent is None else recent.changing(self._names[kind], ids)

    def _refuse_foreign(self, kind: Kind, records: Mapping[str, Record]) -> None:
        for record in self._reads.by_id(kind, list(records), ["id", "scope"]):
            _refuse_two_scopes(record, records[record["id"]])


def _refuse_two_scopes(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> None:
    if one is not None and one["scope"] != other["scope"]:
        raise InvalidInput(f"row {other['id']!r}: this id belongs to another tenant or collection")


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit is {limit}; it lies between 1 and {MAX_LIMIT}")
