"""Rows that were read last from a Milvus Lite file: making them anew takes a fifth of a search."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from sys import getsizeof
from typing import Final

from rag.errors import InvalidInput
from rag.types import Row, Scope, Vector

BYTES: Final = 48 * 2**20
"""What may be kept: about 5,000 photos with vectors of 900 numbers."""
ROW_BYTES: Final = 2048
"""What a row takes beside its vectors and long texts, roughly."""

ENTRY_BYTES: Final = 64
DOUBTFUL: Final = 10_000
"""Ids of rows whose writing failed; when more are known, nothing is kept any more."""

Key = tuple[str, str]


class RecentRows:
    """By collection and id. Only where every writer of the file goes through ``changing``. Thread-safe.

    A row is kept only when nobody wrote from before it was read until it is kept: so what is found here is
    what Milvus would answer. Rows are shared: their vectors cannot be written to.
    """

    def __init__(self, limit: int = BYTES) -> None:
        self._limit = limit
        self._rows: OrderedDict[Key, Row] = OrderedDict()
        self._size = 0
        self._writers = 0
        self._doubtful: set[Key] = set()
        self._writes = 0
        self._lock = threading.Lock()

    def find(self, name: str, ids: Iterable[str], scope: Scope) -> tuple[dict[str, Row], int]:
        """Those of the rows that are kept and that the scope may see, and what ``keep`` is to be given."""
        found: dict[str, Row] = {}
        with self._lock:
            for item_id in ids:
                row = self._rows.get((name, item_id))
                if row is not None and _sees(scope, row):
                    self._rows.move_to_end((name, item_id))
                    found[item_id] = row
            return found, self._writes

    def keep(self, name: str, rows: Sequence[Row], since: int) -> list[Row]:
        """Keep rows that were read after ``find`` gave ``since``, unless somebody has written meanwhile.

        Gives the rows to hand on.
        """
        own = [_own(row) for row in rows]
        with self._lock:
            if self._writers or self._writes != since or len(self._doubtful) > DOUBTFUL:
                return own
            for row in own:
                key = (name, row.item.id)
                self._forget(key)
                if key not in self._doubtful:
                    self._rows[key] = row
                    self._size += _weight(row)
            while self._size > self._limit:
                self._forget(next(iter(self._rows)))
        return own

    @contextmanager
    def changing(self, name: str, ids: Iterable[str]) -> Iterator[None]:
        """Around every write of these rows: what is known of them is forgotten.

        One that Milvus does not answer may still be carried out, and nobody tells when: its rows are not kept
        again, as long as the file is open.
        """
        keys = [(name, item_id) for item_id in ids]
        with self._lock:
            self._writers += 1
            self._writes += 1
            for key in keys:
                self._forget(key)
        try:
            yield
        except InvalidInput:  # nothing was written
            raise
        except BaseException:
            with self._lock:
                self._doubtful.update(keys)
            raise
        finally:
            with self._lock:
                self._writers -= 1
                self._writes += 1

    def clear(self) -> None:
        """Forget all: a name stands for another collection."""
        with self._lock:
            self._writes += 1
            self._rows.clear()
            self._size = 0

    def _forget(self, key: Key) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self._size -= _weight(row)


def _sees(scope: Scope, row: Row) -> bool:
    return row.item.tenant == scope.tenant and scope.collection in (None, row.item.collection)


def _own(row: Row) -> Row:
    """With vectors of its own: those that were read are parts of the array of a whole answer."""
    return replace(row, image_vector=_copy(row.image_vector), caption_vector=_copy(row.caption_vector))


def _copy(vector: Vector | None) -> Vector | None:
    if vector is None:
        return None
    copy = vector.copy()
    copy.flags.writeable = False
    return copy


def _weight(row: Row) -> int:
    item = row.item
    vectors = sum(v.nbytes for v in (row.image_vector, row.caption_vector) if v is not None)
    lists = sum(ENTRY_BYTES + len(entry) for entries in (item.sources, item.tags) for entry in entries)
    texts = sum(map(getsizeof, (item.text, item.ocr, item.caption, repr(item.metadata))))
    return vectors + lists + texts + ROW_BYTES
