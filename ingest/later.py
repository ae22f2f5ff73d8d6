"""What the later passes over items share: take what waits, ask somebody, write what was said."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Final, Self, TypeAlias

import numpy as np

from ingest import steps
from ingest.parts import words_of
from ingest.system import Parts
from rag.errors import InvalidInput, OlharError, OverLimit
from rag.records.passes import Pass
from rag.records.types import Waiting
from rag.types import Item, Row, Scope

Found: TypeAlias = Callable[[Item], Item]
"""Puts what was found into an item as it is by then: others may have changed it meanwhile."""

TRIES: Final = 3
PAUSE_S: Final = 30.0
READ_BACKS: Final = 5
READ_BACK_S: Final = 0.05


class LaterPass(ABC):
    """Looks at ``together`` items side by side. Close it, or use it in a ``with``."""

    some_items: int = 4
    """Items that are written together: writing a single one costs nearly as much."""

    def __init__(self, parts: Parts, queue: Pass, together: int = 1) -> None:
        self._parts = parts
        self._queue = queue
        self._threads = ThreadPoolExecutor(together, "olhar-later") if together > 1 else None

    @abstractmethod
    def ready(self) -> bool:
        """Whether there is anything to be done at all now."""

    @abstractmethod
    def wanted(self, item: Item) -> bool:
        """Whether an item is still to be looked at."""

    @abstractmethod
    def find(self, row: Row) -> Found:
        """Look at one item. Raises what is wrong with it, or with who is asked."""

    def excused(self, one: Waiting, error: OlharError) -> bool:  # noqa: ARG002  # others may need it
        """Whether an item is not to blame; it was then put down by the pass itself."""
        return False

    def some(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Look at a few that are due, and write what was found; how many were taken. 0: nothing is due.

        Whatever goes wrong with an item is put down as its state; one that was not begun when it was to stop
        waits on. Raises what the records raise.
        """
        taken = self._queue.take(self.some_items) if self.ready() else []
        if taken:
            self._settle(taken, stopping)
        return len(taken)

    def beside(self, items: Sequence[Item]) -> list[Row]:  # noqa: ARG002  # for passes that have some
        """What is written together with these items, which are new or changed."""
        return []

    def close(self) -> None:
        """End what it started."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settle(self, taken: Sequence[Waiting], stopping: Callable[[], bool]) -> None:
        scope = taken[0].scope
        try:
            ids = [one.item_id for one in taken]
            rows = {row.item.id: row for row in self._parts.store.rows(scope, "image", ids)}
        except OlharError as error:
            for one in taken:
                self._failed(one, error)
            return
        due = []
        for one in taken:
            if one.item_id not in rows:
                self._queue.end(one, "skipped", "the item is not there")
            elif not self.wanted(rows[one.item_id].item):
                self._queue.end(one, "done", "nothing was left to be done")
            else:
                due.append(one)
        found = self._found(due, rows, stopping)
        read = [one for one in due if one.item_id in found]
        with self._parts.records.writing_to(scope):
            try:
                self._write(scope, read, found)
            except OlharError as error:
                for one in read:
                    self._failed(one, error)

    def _found(
        self, due: Sequence[Waiting], rows: Mapping[str, Row], stopping: Callable[[], bool]
    ) -> dict[str, Found]:
        def look(one: Waiting) -> Found | OlharError | None:
            try:
                return None if stopping() else self.find(rows[one.item_id])
            except OlharError as error:
                return error

        found: dict[str, Found] = {}
        for one, what in zip(due, (self._threads.map if self._threads else map)(look, due), strict=True):
            if isinstance(what, OlharError):
                self._failed(one, what)
            elif what is not None:
                found[one.item_id] = what
        return found

    def _write(self, scope: Scope, read: Sequence[Waiting], found: Mapping[str, Found]) -> None:
        """Rows with what was found, as they are now: another may have changed or deleted them meanwhile."""
        store = self._parts.store
        rows = {row.item.id: row for row in store.rows(scope, "image", list(found))}
        new = [self._with(row, found[item_id]) for item_id, row in rows.items()]
        new = [row for row in new if row.item != rows[row.item.id].item]
        if new:
            store.upsert([*new, *self.beside([row.item for row in new])])
        missing = self._missing(scope, {row.item.id: row.item for row in new})
        for one in read:
            if one.item_id not in rows:
                self._queue.end(one, "skipped", "the item was deleted meanwhile")
            elif one.item_id in missing:
                self._again(one, "what was found was not there where it was put")
            else:
                self._queue.end(one, "done")

    def _with(self, row: Row, found: Found) -> Row:
        item = found(row.item)
        if item == row.item:
            return row
        item = replace(item, updated_at=int(time.time()))
        if words_of(item) == words_of(row.item):
            return replace(row, item=item)
        (vector,) = steps.encoded([words_of(item)], self._parts.text_encoder.encode_documents)
        return replace(row, item=item, caption_vector=vector if isinstance(vector, np.ndarray) else None)

    def _missing(self, scope: Scope, expected: Mapping[str, Item]) -> set[str]:
        missing = set(expected)
        for attempt in range(READ_BACKS):
            time.sleep(READ_BACK_S * attempt)
            for item in self._parts.store.get(scope, "image", sorted(missing)) if missing else []:
                missing -= {item.id} if _mark(item) == _mark(expected[item.id]) else set()
            if not missing:
                break
        return missing

    def _failed(self, one: Waiting, error: OlharError) -> None:
        if self.excused(one, error):
            return
        # A machine may have been too busy to be in time; what is no picture will not become one.
        if isinstance(error, InvalidInput) and not isinstance(error, OverLimit):
            self._queue.end(one, "skipped", str(error))
        else:
            self._again(one, str(error))

    def _again(self, one: Waiting, reason: str) -> None:
        if one.attempts + 1 < TRIES:
            self._queue.end(one, "pending", reason, PAUSE_S)
        else:
            self._queue.end(one, "skipped", reason)


def _mark(item: Item) -> tuple[object, ...]:
    return (item.ocr, item.caption, item.tags, item.updated_at)
