"""The later pass that reads the text in pictures, once no file waits any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from ingest import steps
from ingest.parts import TIFF, scanned, stands_in_document, words_of
from ingest.sandbox import MEMORY, Sandbox
from ingest.steps import Task
from ingest.system import Parts
from rag.errors import InvalidInput, OlharError, OverLimit
from rag.records.types import WaitingReading
from rag.types import Item, Row, Scope

if TYPE_CHECKING:
    from ingest.ocr import Reading

READ: Final = "ingest.ocr:read_picture"
SOME: Final = 4
"""Pictures that are written together: writing a single one costs nearly as much."""
TRIES: Final = 3
PAUSE_S: Final = 30.0
READ_BACKS: Final = 5
READ_BACK_S: Final = 0.05


class OcrPass:
    """Takes what waits, a few pictures at a time. Close it, or use it in a ``with``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._readings = parts.records.readings
        self._sandbox = Sandbox(1, max(MEMORY, parts.settings.parse_memory))

    def some(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Read a few that are due, and write what was found; how many were taken. 0: nothing is due.

        Whatever goes wrong with a picture is put down as its state; one that was not begun when it was
        to stop waits on. Raises what the records raise.
        """
        if self._parts.settings.ocr == "off":
            return 0
        taken = self._readings.take(SOME)
        if taken:
            self._settle(taken, stopping)
        return len(taken)

    def close(self) -> None:
        """End the child."""
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settle(self, taken: Sequence[WaitingReading], stopping: Callable[[], bool]) -> None:
        scope = taken[0].scope
        try:
            ids = [one.item_id for one in taken]
            items = {item.id: item for item in self._parts.store.get(scope, "image", ids)}
        except OlharError as error:
            for one in taken:
                self._failed(one, error)
            return
        found: dict[str, str] = {}
        for one in taken:
            if stopping():
                break
            if one.item_id in items:
                try:
                    found[one.item_id] = self._text(items[one.item_id])
                except OlharError as error:
                    self._failed(one, error)
            else:
                self._readings.end(one, "skipped", "the item is not there")
        read = [one for one in taken if one.item_id in found]
        with self._parts.records.writing_to(scope):
            try:
                self._write(scope, read, found)
            except OlharError as error:
                for one in read:
                    self._failed(one, error)

    def _text(self, item: Item) -> str:
        settings = self._parts.settings
        data = self._parts.blobs.get(item.content_hash)
        reading: Reading = self._sandbox.call(READ, data, settings.max_pixels, deadline=settings.ocr_seconds)
        return reading.text

    def _write(self, scope: Scope, read: Sequence[WaitingReading], found: dict[str, str]) -> None:
        """Rows with their text, as they are now: another may have changed or deleted them meanwhile."""
        store = self._parts.store
        rows = {row.item.id: row for row in store.rows(scope, "image", list(found))}
        new = [self._with(row, found[item_id]) for item_id, row in rows.items() if found[item_id]]
        if new:
            store.upsert(new)
        missing = self._missing(scope, {row.item.id: row.item.ocr for row in new})
        for one in read:
            if one.item_id not in rows:
                self._readings.end(one, "skipped", "the item was deleted meanwhile")
            elif one.item_id in missing:
                self._again(one, "its text was not found where it was put")
            else:
                self._readings.end(one, "done")

    def _with(self, row: Row, text: str) -> Row:
        item = replace(row.item, ocr=text, updated_at=int(time.time()))
        if words_of(item) == words_of(row.item):
            return replace(row, item=item)
        (vector,) = steps.encoded([words_of(item)], self._parts.text_encoder.encode_documents)
        return replace(row, item=item, caption_vector=vector if isinstance(vector, np.ndarray) else None)

    def _missing(self, scope: Scope, texts: dict[str, str]) -> set[str]:
        missing = set(texts)
        for attempt in range(READ_BACKS):
            time.sleep(READ_BACK_S * attempt)
            for item in self._parts.store.get(scope, "image", sorted(missing)) if missing else []:
                missing -= {item.id} if item.ocr == texts[item.id] else set()
            if not missing:
                break
        return missing

    def _failed(self, one: WaitingReading, error: OlharError) -> None:
        # A machine may have been too busy to be in time; what is no picture will not become one.
        if isinstance(error, InvalidInput) and not isinstance(error, OverLimit):
            self._readings.end(one, "skipped", str(error))
        else:
            self._again(one, str(error))

    def _again(self, one: WaitingReading, reason: str) -> None:
        if one.attempts + 1 < TRIES:
            self._readings.end(one, "pending", reason, PAUSE_S)
        else:
            self._readings.end(one, "skipped", reason)


def awaited(task: Task, which: str) -> list[str]:
    """The ids of what a new file brings of which the text is to be read; ``which`` is OLHAR_OCR."""
    if which == "off" or task.plan != "index":
        return []
    parts = [part.item for part in task.parts if part.item.kind == "image"]
    pictures = [item.id for item in parts if which == "all" or stands_in_document(item)]
    itself = task.modality == "image" and (which == "all" or task.summary.get("kind") == TIFF)
    return [task.item_id, *pictures] if itself else pictures


def read_waiting(parts: Parts) -> None:
    """Read all that is due, in this thread."""
    with OcrPass(parts) as reading:
        while reading.some():
            pass


def catch_up(parts: Parts, scope: Scope) -> None:
    """Put down what was ingested without being read, and once more what was skipped.

    Raises InvalidInput when the setting says that nothing is read.
    """
    which = parts.settings.ocr
    if which == "off":
        raise InvalidInput("no text is read in pictures: set OLHAR_OCR to documents or all")
    readings = parts.records.readings
    readings.retry(scope)
    wanted = [
        item.id
        for item in scanned(parts.store, scope, "image", None)
        if item.modality == "image" and (stands_in_document(item) or which == "all")
    ]
    known = readings.known(scope, wanted)
    readings.expect(scope, [item_id for item_id in wanted if item_id not in known])
