"""The later pass that reads the text in pictures, once no file waits any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from ingest import steps
from ingest.later import Found, LaterPass
from ingest.parts import TIFF, has_parts, scanned, stands_in_document
from ingest.sandbox import MEMORY, Sandbox
from ingest.steps import Task
from ingest.system import Parts
from rag.errors import InvalidInput
from rag.types import READ_IN_PICTURE, Item, Row, Scope, reading_id

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

    def beside(self, items: Sequence[Item]) -> list[Row]:
        """Passages of the texts in photos, found by their meaning: a caption's vector has no room for them.

        Figures and pages have their words in their own vector.
        """
        photos = [item for item in items if item.ocr and not item.parent_id and not has_parts(item)]
        if not photos:
            return []
        vectors = steps.encoded([photo.ocr for photo in photos], self._parts.text_encoder.encode_documents)
        return [
            Row(reading_of(photo), None, vector)
            for photo, vector in zip(photos, vectors, strict=True)
            if isinstance(vector, np.ndarray)
        ]

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


def reading_of(photo: Item) -> Item:
    """The passage that holds the text read in a photo. What filters look at is the photo's."""
    return replace(
        photo,
        id=reading_id(photo),
        kind="passage",
        modality=READ_IN_PICTURE,
        part=READ_IN_PICTURE,
        parent_id=photo.id,
        caption="",
        text=photo.ocr,
        phash="",
    )


def awaited(task: Task, which: str) -> list[str]:
    """The ids of what a new file brings of which the text is to be read; ``which`` is OLHAR_OCR."""
    if which == "off" or task.plan != "index":
        return []
    parts = [part.item for part in task.parts if part.item.modality == "image"]
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
