"""Records of a store, read from Milvus, or past it from a file that this process has open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

from pymilvus.exceptions import MilvusException

from rag.errors import StoreUnavailable
from rag.store import filters
from rag.store.connection import CALL_SECONDS, Connection, is_released, translated
from rag.store.embedded import matching, records, tally
from rag.store.rows import Record
from rag.types import Kind, Scope

T = TypeVar("T")
ID_CHUNK: Final = 1000
PAGE: Final = 1000


class Reads:
    """What is read of the collections of these names. Threads may share one.

    All raise StoreUnavailable when Milvus cannot be had, and after ``close``.
    """

    def __init__(self, connection: Connection, names: Mapping[Kind, str]) -> None:
        self._connection = connection
        self._names = names
        self.closed = False

    def close(self) -> None:
        """Nothing is called any more. The connection stays."""
        self.closed = True

    def by_id(
        self, kind: Kind, ids: Sequence[str], fields: Sequence[str], scope: Scope | None = None
    ) -> Iterator[Record]:
        """Those that there are of these ids, in no order; without a scope, of every tenant."""
        condition = "" if scope is None else f"{filters.compile_filter(scope)} and "
        for item_id in ids:
            filters.quote(item_id)  # an id that is not Unicode is refused, whoever reads
        if not ids:
            self._check_open("reading items")
            return
        found = self._past(kind, partial(records, ids=ids, fields=(*fields, "tenant", "collection")))
        if found is not None:
            yield from (record for record in found if scope is None or _is_in(record, scope))
            return
        for chunk in chunks(ids):
            yield from self._query(kind, condition + filters.one_of(chunk), fields)

    def matching(self, kind: Kind, condition: str, fields: Sequence[str]) -> list[Record]:
        """Those that fit a condition, in no order."""
        found = self._past(kind, partial(matching, expression=condition, fields=fields))
        return self._query(kind, condition, fields) if found is None else found

    def walk(
        self, kind: Kind, condition: str, fields: Sequence[str], after: str = "", page: int = PAGE
    ) -> Iterator[Record]:
        """Those that fit a condition, in order of id from the one after ``after``, page by page."""
        while True:
            found = self._page(kind, condition, list(dict.fromkeys(("id", *fields))), after, page)
            yield from found
            if len(found) < page:
                return
            after = found[-1]["id"]

    def count(self, kind: Kind, condition: str) -> int:
        """How many fit a condition."""
        told = self._past(kind, partial(tally, expression=condition, name="tenant"))
        if told is not None:
            return told.total()
        return int(self._query(kind, condition, ["count(*)"])[0]["count(*)"])

    def tally(self, kind: Kind, condition: str, name: str) -> Counter[str]:
        """How many of those that fit a condition have each value of a field."""
        told = self._past(kind, partial(tally, expression=condition, name=name))
        return Counter(one[name] for one in self.walk(kind, condition, [name])) if told is None else told

    def ask(self, kind: Kind, doing: str, ask: Callable[[Any], Any]) -> Any:
        """What ``ask`` gets of pymilvus' client about a collection."""
        with self.calling(doing) as client:
            try:
                return ask(client)
            except MilvusException as error:
                if not is_released(error):
                    raise
                # Milvus Lite's server, once it was ended and started again, has not loaded its collections.
                client.load_collection(self._names[kind], timeout=CALL_SECONDS)
                return ask(client)

    @contextmanager
    def calling(self, doing: str) -> Iterator[Any]:
        """pymilvus' client, whose errors are translated."""
        self._check_open(doing)
        with translated(doing):
            yield self._connection.client

    def _check_open(self, doing: str) -> None:
        if self.closed:
            raise StoreUnavailable(f"{doing}: the store is closed")

    def _page(self, kind: Kind, condition: str, fields: Sequence[str], after: str, page: int) -> list[Record]:
        """A plain query promises no order, one for an iterator does. pymilvus' own iterator puts the last id
        into the next filter as it is, so that a quote in an id would leave the tenant."""
        narrowed = f"{condition} and {filters.after(after)}" if after else condition
        found = self._past(kind, partial(matching, expression=narrowed, fields=fields, limit=page))
        if found is not None:
            return found
        ordered = {"iterator": "True", "reduce_stop_for_best": "True"}
        return self._query(kind, narrowed, fields, limit=page, **ordered)

    def _past(self, kind: Kind, how: Callable[[Any, Any], T]) -> T | None:
        with self.calling("reading items"):
            return self._connection.past_milvus(self._names[kind], how)

    def _query(self, kind: Kind, condition: str, fields: Sequence[str], **options: Any) -> list[Record]:
        found = self.ask(
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


def chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids, each once, in groups that fit a filter."""
    rest = iter(dict.fromkeys(ids))
    while chunk := list(islice(rest, ID_CHUNK)):
        yield chunk


def _is_in(record: Mapping[str, Any], scope: Scope) -> bool:
    return record["tenant"] == scope.tenant and scope.collection in (None, record["collection"])
