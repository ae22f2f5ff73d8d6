"""The store on Milvus: a Milvus Lite file or a server, one code."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any, Final

from pymilvus.exceptions import MilvusException

from rag.errors import InvalidInput, StoreUnavailable
from rag.folding import fold_query
from rag.store import collections, filters, moving
from rag.store.connection import CALL_SECONDS, Connection, is_released, translated
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
ID_CHUNK: Final = 1000
PAGE: Final = 1000
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
        self._writing = threading.Lock()
        self._closed = False

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
            for chunk in _chunks(ids):
                condition = filters.compile_filter(scope, None, filters.one_of(chunk))
                found = self._query(kind, condition, ["id"])
                if found:
                    with self._calling("deleting items") as client:
                        client.delete(self._names[kind], filter=condition, timeout=CALL_SECONDS)
                removed += len(found)
            if removed:
                self._flush(kind)
        return removed

    def get(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Item]:
        """The items that exist, in the order of ``ids``, each once."""
        return [to_item(record) for record in self._by_id(scope, kind, ids, ITEM_FIELDS)]

    def rows(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Row]:
        """As ``get``, with vectors, which are not to be written to."""
        recent, name = self._connection.recent, self._names[kind]
        if recent is None or self._closed:
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
        records = self._walk(scope, kind, where, ITEM_FIELDS, after, page=min(limit, PAGE))
        return [to_item(record) for record in islice(records, limit)]

    def count(self, scope: Scope, kind: Kind, where: Filter | None = None) -> int:
        """How many items the scope holds."""
        found = self._query(kind, filters.compile_filter(scope, where), ["count(*)"])
        return int(found[0]["count(*)"])

    def collections(self, tenant: str) -> list[CollectionInfo]:
        """The tenant's collections, by name."""
        scope = Scope(tenant)
        counts: dict[Kind, Counter[str]] = {
            kind: Counter(record["collection"] for record in self._walk(scope, kind, SEEN, ("collection",)))
            for kind in self._names
        }
        names = sorted(counts["image"].keys() | counts["passage"].keys())
        return [CollectionInfo(name, counts["image"][name], counts["passage"][name]) for name in names]

    def made_of(self, sha256s: Sequence[str]) -> set[str]:
        """Those of the contents that an item of any tenant is made of; says no more of whom."""
        return {
            record["content_hash"]
            for chunk in _chunks(sha256s)
            for kind in self._names
            for record in self._query(kind, filters.made_of(chunk), ["content_hash"])
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
                for chunk in _chunks(ids)
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
            if not self._closed:
                self._closed = True
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
        found = self._read(
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
        found = {record["id"]: record for record in self._records(kind, ids, fields, scope)}
        return [found[i] for i in dict.fromkeys(ids) if i in found]

    def _records(
        self, kind: Kind, ids: Sequence[str], fields: Sequence[str], scope: Scope | None = None
    ) -> Iterator[Record]:
        """Of the items of these ids, in no order; without a scope, of every tenant."""
        condition = "" if scope is None else filters.compile_filter(scope)
        with self._calling("reading items"):
            wanted = tuple(dict.fromkeys((*fields, "tenant", "collection")))
            found = self._connection.records(self._names[kind], ids, wanted)
        if found is not None:
            yield from (record for record in found if scope is None or _is_in(record, scope))
            return
        for chunk in _chunks(ids):
            one_of = filters.one_of(chunk)
            yield from self._query(kind, f"{condition} and {one_of}" if condition else one_of, fields)

    def _query(self, kind: Kind, condition: str, fields: Sequence[str], **options: Any) -> list[Record]:
        found = self._read(
            kind,
            "reading items",
            lambda client: client.query(
                self._names[kind],
                filter=condition,
                output_fields=list(fields),
                timeout=CALL_SECONDS,
                strict_float32=True,  # vectors as arrays: as lists of numbers they take longer than the call
                **options,
            ),
        )
        return list(found)

    def _walk(
        self,
        scope: Scope,
        kind: Kind,
        where: Filter | None,
        fields: Sequence[str],
        after: str = "",
        page: int = PAGE,
    ) -> Iterator[Record]:
        """Records in order of id, page by page.

        A plain query promises no order, one for an iterator does. pymilvus' own iterator puts the
        last id into the next filter as it is, so that a quote in an id would leave the tenant.
        """
        while True:
            extra = (filters.after(after),) if after else ()
            found = self._query(
                kind,
                filters.compile_filter(scope, where, *extra),
                list(dict.fromkeys(("id", *fields))),
                limit=page,
                iterator="True",
                reduce_stop_for_best="True",
            )
            yield from found
            if len(found) < page:
                return
            after = found[-1]["id"]

    def _write(self, kind: Kind, batch: list[Record]) -> None:
        if self._connection.lite and needs_padding(batch):
            batch = [*batch, padding(batch[0], self._dimensions)]
        with self._changing(kind, [record["id"] for record in batch]):
            with self._calling("writing items") as client:
                client.upsert(self._names[kind], batch, timeout=CALL_SECONDS)
            self._flush(kind)

    def _flush(self, kind: Kind) -> None:
        """Milvus Lite searches unflushed rows slowly; a server keeps them in its log and limits flushes."""
        if self._connection.lite:
            with self._calling("flushing") as client:
                client.flush(self._names[kind], timeout=CALL_SECONDS)

    def _changing(self, kind: Kind, ids: Sequence[str]) -> AbstractContextManager[None]:
        recent = self._connection.recent
        return nullcontext() if recent is None else recent.changing(self._names[kind], ids)

    def _refuse_foreign(self, kind: Kind, records: Mapping[str, Record]) -> None:
        for record in self._records(kind, list(records), ["id", "scope"]):
            _refuse_two_scopes(record, records[record["id"]])

    def _read(self, kind: Kind, doing: str, ask: Callable[[Any], Any]) -> Any:
        with self._calling(doing) as client:
            try:
                return ask(client)
            except MilvusException as error:
                if not is_released(error):
                    raise
                # Milvus Lite's server, once it was ended and started again, has not loaded its collections.
                client.load_collection(self._names[kind], timeout=CALL_SECONDS)
                return ask(client)

    @contextmanager
    def _calling(self, doing: str) -> Iterator[Any]:
        if self._closed:
            raise StoreUnavailable(f"{doing}: the store is closed")
        with translated(doing):
            yield self._connection.client


def _refuse_two_scopes(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> None:
    if one is not None and one["scope"] != other["scope"]:
        raise InvalidInput(f"row {other['id']!r}: this id belongs to another tenant or collection")


def _is_in(record: Mapping[str, Any], scope: Scope) -> bool:
    return record["tenant"] == scope.tenant and scope.collection in (None, record["collection"])


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids, each once, in groups that fit a filter."""
    rest = iter(dict.fromkeys(ids))
    while chunk := list(islice(rest, ID_CHUNK)):
        yield chunk


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit is {limit}; it lies between 1 and {MAX_LIMIT}")
