"""The later pass that has pictures described: by a model that sees, or in labels by the encoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from ingest.decoding import picture
from ingest.later import Found, LaterPass
from ingest.origins import CAPTION_ORIGIN, MODEL, PERSON, TAGS_ORIGIN, caption_origin, from_model, tags_origin
from ingest.parts import TIFF, scanned, stands_in_document
from ingest.sandbox import MEMORY, Sandbox
from ingest.steps import Task
from ingest.system import Parts
from rag.errors import InvalidInput, ModelUnavailable, OlharError
from rag.protocols import Captioner
from rag.records.types import Waiting
from rag.types import Item, Row, Scope

NONE: Final = "none"
TAGS: Final = "tags"
AWAY_S: Final = 60.0
"""After so long a model that could not be had is asked for again."""
LABELS: Final = 3
log = logging.getLogger(__name__)


class CaptionPass(LaterPass):
    """Has a model write captions. While it cannot be had pictures wait; that is no fault of theirs.

    ``clock`` gives seconds that only grow.
    """

    def __init__(
        self, parts: Parts, captioner: Captioner, clock: Callable[[], float] = time.monotonic
    ) -> None:
        together = parts.settings.captioner_parallel
        super().__init__(parts, parts.records.captionings, together)
        self.some_items = max(together, LaterPass.some_items)
        self._captioner = captioner
        self._sandbox = Sandbox(1, max(MEMORY, parts.settings.parse_memory))
        self._clock = clock
        self._asked = ""
        self._away_until = 0.0

    def ready(self) -> bool:
        """Whether the model is there, asked only when something may be due."""
        if self._clock() < self._away_until or not self._queue.due():
            return False
        return not self._away()

    def wanted(self, item: Item) -> bool:
        """Whether nobody but a model says anything about the picture."""
        return captionless(item) or from_model(caption_origin(item))

    def find(self, row: Row) -> Found:
        """What the model says; of bytes that it has described before, what it said then."""
        known, sha256 = self._parts.records.model_captions, row.item.content_hash
        caption = known.get(sha256, self._asked)
        if caption is None:
            settings, data = self._parts.settings, self._parts.blobs.get(sha256)
            caption = self._captioner.caption(picture(data, self._sandbox, settings).pixels)
            known.put(sha256, self._asked, caption)
        return partial(_captioned, caption=caption, origin=f"{MODEL}{self._captioner.name}")

    def excused(self, one: Waiting, error: OlharError) -> bool:
        """When the model is away altogether, and not over this picture."""
        if not isinstance(error, ModelUnavailable) or not self._away():
            return False
        self._queue.put_off(one, str(error), AWAY_S)
        return True

    def close(self) -> None:
        """End the child."""
        super().close()
        self._sandbox.close()

    def _away(self) -> bool:
        try:
            self._asked = self._captioner.asked()
        except ModelUnavailable as error:
            if self._clock() >= self._away_until:
                log.warning("pictures wait for their captions: %s", error)
            self._away_until = self._clock() + AWAY_S
            return True
        return False


class TagPass(LaterPass):
    """Has the encoder name what it sees in photos that have no tags."""

    some_items = 256

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, parts.records.captionings)

    def ready(self) -> bool:
        """Always."""
        return True

    def wanted(self, item: Item) -> bool:
        """Whether nobody but a model gave it tags."""
        return _tagless(item) or from_model(tags_origin(item))

    def find(self, row: Row) -> Found:
        """The likeliest labels of its picture."""
        if row.image_vector is None:
            return lambda item: item
        (labels,) = self._parts.zero_shot.label(np.stack([row.image_vector]), top=LABELS)
        origin = f"{MODEL}{self._parts.encoder.fingerprint.name}"
        return partial(_tagged, tags=tuple(label.name for label in labels), origin=origin)


def open_pass(parts: Parts) -> LaterPass | None:
    """What OLHAR_CAPTIONER says; None when nothing is to be described."""
    if parts.captioner is not None:
        return CaptionPass(parts, parts.captioner)
    return TagPass(parts) if parts.settings.captioner == TAGS else None


def refuse_blind(parts: Parts) -> None:
    """Raises ModelUnavailable when the model that is set is not installed, or has no sight.

    A server that is away now may be back when the files are done.
    """
    if parts.captioner is None:
        return
    try:
        parts.captioner.check()
    except ModelUnavailable as error:
        if not error.retryable:
            raise


def captionless(item: Item) -> bool:
    """Whether it has no caption, and nobody meant it to have none."""
    return not item.caption and caption_origin(item) != PERSON


def awaited_captions(task: Task, captioner: str) -> list[str]:
    """The ids of what a file brings, or leaves without a caption, that is to be described."""
    if captioner == NONE or task.plan == "attach":
        return []
    said = task.described.tags if captioner == TAGS else task.described.caption
    scan = captioner != TAGS and task.summary.get("kind") == TIFF
    itself = task.modality == "image" and not said and not scan
    parts = [part.item.id for part in task.parts if _wants(part.item, captioner)]
    return [task.item_id, *parts] if itself else parts


def describe_anew(parts: Parts, scope: Scope, *, again: bool = False) -> None:
    """Put down all pictures that nobody described; ``again``: also those that a model described before.

    Raises InvalidInput when the setting says that nothing is described.
    """
    captioner = parts.settings.captioner
    if captioner == NONE:
        raise InvalidInput("nobody describes pictures: set OLHAR_CAPTIONER to ollama:<model>, or to tags")
    refuse_blind(parts)
    pictures: Iterable[Item] = scanned(parts.store, scope, "image", None)
    ids = [item.id for item in pictures if _wants(item, captioner, again=again)]
    parts.records.captionings.expect(scope, ids)


def _wants(item: Item, captioner: str, *, again: bool = False) -> bool:
    if item.kind != "image" or item.modality != "image":
        return False
    if captioner == TAGS:
        photo = not item.parent_id
        return photo and (_tagless(item) or (again and from_model(tags_origin(item))))
    # Of a scanned page it is the text that counts.
    page = bool(item.metadata.get("whole_page")) or (stands_in_document(item) and "figure" not in item.part)
    return not page and (captionless(item) or (again and from_model(caption_origin(item))))


def _tagless(item: Item) -> bool:
    return not item.tags and tags_origin(item) != PERSON


def _captioned(item: Item, caption: str, origin: str) -> Item:
    """Unless somebody has described it meanwhile."""
    if not captionless(item) and not from_model(caption_origin(item)):
        return item
    return replace(item, caption=caption, metadata={**item.metadata, CAPTION_ORIGIN: origin})


def _tagged(item: Item, tags: tuple[str, ...], origin: str) -> Item:
    if not _tagless(item) and not from_model(tags_origin(item)):
        return item
    return replace(item, tags=tags, metadata={**item.metadata, TAGS_ORIGIN: origin})
