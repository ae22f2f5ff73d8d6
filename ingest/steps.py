"""The steps of one file, in their order: read and hash, compare, decode, encode."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Final, Literal, TypeVar

import numpy as np

from ingest.descriptions import Described, describe
from ingest.embedded import with_embedded
from ingest.layers import edit_of, layered, said_by, said_of
from ingest.parts import Part, words_of
from ingest.receipts import FileReceipt, Status
from ingest.retrying import passes, why
from ingest.sources import SourceFile
from rag.blobs import Blobs
from rag.errors import InvalidInput, ModelUnavailable, OlharError
from rag.images import Decoded, phash, thumbnail
from rag.records.types import Edit
from rag.types import JSON, Item, Matrix, Pixels, Scope, Sound, Vector, content_hash, item_id

Plan = Literal["index", "attach", "describe"]
"""A new item; another source of an item; an item whose description changed."""
CONTROLS: Final = {number: " " for number in range(32) if number != ord("\n")}
"""What a stranger's file may have in its names, and no receipt."""
MADE: Final[Mapping[str, Status]] = {"index": "indexed", "attach": "duplicate", "describe": "indexed"}
"""What a plan that was carried out makes of a file."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Task:
    """A file on its way. The steps fill it in; it is done as soon as it has a receipt.

    ``place`` tells it from others; ``transient`` says of one that failed that another try may succeed. A
    document, an animation or a TIFF of several pages has ``parts``, and says in its ``summary`` and for a
    receipt what they are; ``figures`` are the hashes of their pictures.
    """

    place: int
    file: SourceFile
    described: Described
    plan: Plan = "index"
    data: bytes = b""
    sha256: str = ""
    item_id: str = ""
    pixels: Pixels | None = None
    modality: str = "image"
    sound: Sound | None = None
    phash: str = ""
    taken_at: int = 0
    all_captions: bool = False
    file_metadata: bool = False
    new_words: bool = True
    image_vector: Vector | None = None
    caption_vector: Vector | None = None
    parts: list[Part] = field(default_factory=list)
    summary: Mapping[str, JSON] = field(default_factory=dict)
    told: str = ""
    figures: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    receipt: FileReceipt | None = None
    transient: bool = False

    @classmethod
    def of(cls, place: int, file: SourceFile, *, all_captions: bool) -> Task:
        described = describe(file.description, all_captions=all_captions)
        notes = [described.note] if described.note else []
        return cls(place, file, described, all_captions=all_captions, notes=notes, receipt=file.refused)

    @property
    def name(self) -> str:
        """The last part of the source, without what may follow it in a URL."""
        return PurePath(self.file.source.replace("\\", "/")).name.partition("?")[0]

    def done(self, status: Status, reason: str = "") -> None:
        """Give it its receipt, unless it has one, and let go of what is large."""
        if self.receipt is None:
            stored = self.item_id if status in ("indexed", "duplicate", "unchanged") else ""
            reason = "; ".join([text for text in (reason, *self.notes) if text]).translate(CONTROLS)
            self.receipt = FileReceipt(self.file.source, status, stored, reason)
        self.data, self.pixels, self.sound, self.parts = b"", None, None, []

    def refused(self, error: Exception, *, transient: bool = False) -> None:
        """Give it the receipt that an error means."""
        if self.receipt is None:
            self.transient = transient or passes(error)
        self.done("quarantined" if isinstance(error, InvalidInput) else "failed", why(error))

    def plan_for(self, item: Item, edit: Edit | None) -> None:
        """Decide what is to be done with an item that is there; ``edit`` is what a person said of it."""
        if _speaks_for(self, item) and not _same(self.described, item, edit):
            self.plan = "describe"
            after = layered(item, said_by(self.described), edit)
            self.new_words = words_of(after) != words_of(item)
        elif self.file.source in item.sources:
            self.done("unchanged")
        else:
            self.plan = "attach"

    def lost(self, reason: str) -> None:
        """It was not found where it was put: another try may succeed."""
        if self.receipt is None:
            self.transient = True
        self.done("failed", reason)

    def reopened(self, reason: str) -> None:
        """What its receipt says is not the whole truth: another try may succeed."""
        self.receipt = None
        self.lost(reason)


def unreadable(source: str, error: OlharError) -> SourceFile:
    """A file that the records name and that cannot be had."""
    return SourceFile.refuse(source, "quarantined", str(error))


def waiting(tasks: Sequence[Task]) -> list[Task]:
    """Those that have no receipt yet."""
    return [task for task in tasks if task.receipt is None]


def load(task: Task, scope: Scope, max_bytes: int, *, file_metadata: bool) -> None:
    """Read the bytes and name the item by them; with ``file_metadata`` take what the file says of itself."""
    try:
        path = task.file.path
        size = path.stat().st_size if path is not None else task.file.size or 0
        if size <= max_bytes:
            task.data = task.file.read()
            size = len(task.data)
        if size > max_bytes:
            raise InvalidInput(f"too large: {size:,} bytes, and the limit is {max_bytes:,} (OLHAR_MAX_BYTES)")
    except (OSError, OlharError) as error:
        task.refused(error)
        return
    task.sha256 = content_hash(task.data)
    task.item_id = item_id(scope, task.sha256)
    task.file_metadata = file_metadata
    if file_metadata:
        description = with_embedded(task.file.description, task.data)
        task.described = describe(description, all_captions=task.all_captions)


def restore(task: Task, blobs: Blobs) -> None:
    """Keep the original of an item that is there already, should it be missing or cut short."""
    try:
        if blobs.put(task.sha256, task.data):
            task.notes.append("its original was missing and has been put back")
    except OlharError as error:
        task.refused(error)


def compare(
    tasks: Sequence[Task], stored: Mapping[str, Item], edits: Mapping[str, Edit], begun: dict[str, Task]
) -> None:
    """Decide what is to be done with each file.

    ``stored`` are the items that exist and ``edits`` what people said of them, by id; ``begun`` are the items
    that this run makes, by id, and is added to. The description of an item is that of its first source;
    those of others are not used, unless the first is a file that is gone.
    """
    for task in tasks:
        item = stored.get(task.item_id)
        if task.item_id in begun:
            task.plan = "attach"
        elif item is None:
            begun[task.item_id] = task
        else:
            task.plan_for(item, edit_of(item, edits.get(item.id)))
        if task.plan != "index":
            task.data = b""


def _speaks_for(task: Task, item: Item) -> bool:
    if task.file.source == item.source:
        return True
    # Not by the file's path, which an upload has not: its source is enough, if it is one place.
    placed = task.file.replaces and os.path.isabs(task.file.source) and os.path.isabs(item.source)
    return placed and bool(task.file.description) and not os.path.exists(item.source)


def _same(described: Described, item: Item, edit: Edit | None) -> bool:
    """Whether it says what was said before; from where does not matter."""
    mine, before = said_by(described), said_of(item, edit)
    return replace(before, caption_origin=mine.caption_origin, tags_origin=mine.tags_origin) == mine


def decode(task: Task, blobs: Blobs, opened: Callable[[bytes], Decoded], side: int) -> None:
    """Bytes to pixels, shrunk, as ``opened`` gives them; keep the original and a thumbnail up to ``side``."""
    try:
        picture = opened(task.data)
        blobs.put(task.sha256, task.data)
        if not blobs.has_thumbnail(task.sha256):
            blobs.put_thumbnail(task.sha256, thumbnail(picture.pixels, side))
    except OlharError as error:
        task.refused(error)
        return
    task.data = b""
    task.pixels = picture.pixels
    task.phash = phash(task.pixels)
    task.taken_at = picture.taken_at if task.file_metadata else 0


def encode_pictures(tasks: Sequence[Task], encode: Callable[[Sequence[Pixels]], Matrix], batch: int) -> None:
    """Pixels to vectors."""
    pictures = [(task, task.pixels) for task in waiting(tasks) if task.pixels is not None]
    for start in range(0, len(pictures), batch):
        some = pictures[start : start + batch]
        for (task, _), vector in zip(some, encoded([p for _, p in some], encode), strict=True):
            task.pixels = None
            if isinstance(vector, str):
                task.done("failed", f"the picture could not be encoded: {vector}")
            else:
                task.image_vector = vector


def encode_sounds(tasks: Sequence[Task], encode: Callable[[Sequence[Sound]], Matrix], batch: int) -> None:
    """What is heard to vectors."""
    sounds = [(task, task.sound) for task in waiting(tasks) if task.sound is not None]
    for start in range(0, len(sounds), batch):
        some = sounds[start : start + batch]
        for (task, _), vector in zip(some, encoded([sound for _, sound in some], encode), strict=True):
            task.sound = None
            if isinstance(vector, str):
                task.done("failed", f"the sound could not be encoded: {vector}")
            else:
                task.image_vector = vector


def encode_captions(tasks: Sequence[Task], encode: Callable[[Sequence[str]], Matrix], batch: int) -> None:
    """Captions to vectors, of new items and where the words changed."""
    captioned = [
        task for task in waiting(tasks) if task.plan != "attach" and task.new_words and task.described.words
    ]
    for start in range(0, len(captioned), batch):
        some = captioned[start : start + batch]
        for task, vector in zip(some, encoded([t.described.words for t in some], encode), strict=True):
            if isinstance(vector, str):
                task.done("failed", f"the caption could not be encoded: {vector}")
            else:
                task.caption_vector = vector


def encoded(things: Sequence[T], encode: Callable[[Sequence[T]], Matrix]) -> list[Vector | str]:
    """A vector for each thing, or why there is none.

    When a batch fails it is halved until the thing that fails stands alone. Raises ModelUnavailable,
    since then no thing is to blame.
    """
    if not things:
        return []
    try:
        matrix = np.asarray(encode(things), dtype=np.float32)
        if matrix.ndim != 2 or len(matrix) != len(things):
            raise ValueError(f"{len(things)} things gave vectors of shape {matrix.shape}")
    except ModelUnavailable:
        raise
    except Exception as error:  # a model may raise anything on one odd input
        if len(things) == 1:
            return [why(error)]
        half = len(things) // 2
        return [*encoded(things[:half], encode), *encoded(things[half:], encode)]
    usable = np.isfinite(matrix).all(axis=1) & (np.abs(matrix).sum(axis=1) > 0)
    return [row if good else "no usable vector" for row, good in zip(matrix, usable, strict=True)]
