"""The later pass that reads the text in pictures, once no file waits any more."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ingest.later import Found, LaterPass
from ingest.parts import TIFF, scanned, stands_in_document
from ingest.sandbox import MEMORY, Sandbox
from ingest.steps import Task
from ingest.system import Parts
from rag.errors import InvalidInput
from rag.types import Item, Row, Scope

if TYPE_CHECKING:
    from ingest.ocr import Reading

READ: Final = "ingest.ocr:read_picture"


class OcrPass(LaterPass):
    """Reads in a child process, one picture after the other."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, parts.records.readings)
        self._sandbox = Sandbox(1, max(MEMORY, parts.settings.parse_memory))

    def ready(self) -> bool:
        """Unless OLHAR_OCR is off."""
        return self._parts.settings.ocr != "off"

    def wanted(self, item: Item) -> bool:  # noqa: ARG002  # as every pass has it
        """Always: what was read before is read anew."""
        return True

    def find(self, row: Row) -> Found:
        """The text in its picture."""
        return partial(_read, text=self._text(row.item))

    def close(self) -> None:
        """End the child."""
        super().close()
        self._sandbox.close()

    def _text(self, item: Item) -> str:
        settings = self._parts.settings
        data = self._parts.blobs.get(item.content_hash)
        reading: Reading = self._sandbox.call(READ, data, settings.max_pixels, deadline=settings.ocr_seconds)
        return reading.text


def _read(item: Item, text: str) -> Item:
    return replace(item, ocr=text) if text else item


def awaited(task: Task, which: str) -> list[str]:
    """The ids of what a new file brings of which the text is to be read; ``which`` is OLHAR_OCR."""
    if which == "off" or task.plan != "index":
        return []
    parts = [part.item for part in task.parts if part.item.kind == "image"]
    pictures = [item.id for item in parts if which == "all" or stands_in_document(item)]
    itself = task.modality == "image" and (which == "all" or task.summary.get("kind") == TIFF)
    return [task.item_id, *pictures] if itself else pictures


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
