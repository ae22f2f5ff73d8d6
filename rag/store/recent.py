"""Rows that were read last from a Milvus Lite file: reading them there takes longer than finding them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rag.types import Row, Scope

BYTES: Final = 48 * 2**20
"""What may be kept: about 5,000 photos with vectors of 900 numbers."""
ROW_BYTES: Final = 2048
"""What a row takes beside its vectors and long texts, roughly."""

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

    def keep(self, name: str, rows: Sequence[Row], since: int) -> None:
        """Keep rows that were read after ``find`` gave ``since``, unless somebody has written meanwhile."""
        for row in rows:
            for vector in (row.image_vector, row.caption_vector):
                if vector is not None:
                    vector.flags.writeable = False
        with self._lock:
            if self._writers or self._writes != since:
                return
            for row in rows:
                key = (name, row.item.id)
                self._forget(key)
                if key not in self._doubtful:
                    self._rows[key] = row
                    self._size += _weight(row)
            while self._size > self._limit:
                self._forget(next(iter(self._rows)))

    @contextmanager
    def changing(self, name: str, ids: Iterable[str]) -> Iterator[None]:
        """Around every write of these rows: what is known of them is forgotten.

        One that fails may still be carried out, and nobody tells when: its rows are never kept again.
        """
        keys = [(name, item_id) for item_id in ids]
        with self._lock:
            self._writers += 1
            self._writes += 1
            for key in keys:
                self._forget(key)
        try:
            yield
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


def _weight(row: Row) -> int:
    vectors = sum(v.nbytes for v in (row.image_vector, row.caption_vector) if v is not None)
    return vectors + 2 * (len(row.item.text) + len(row.item.ocr) + len(row.item.caption)) + ROW_BYTES
