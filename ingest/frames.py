"""Pictures of a file after its first: frames of animations and pages of TIFFs, as parts of its item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from ingest.parts import TIFF, Part, part_of
from ingest.sandbox import Sandbox
from ingest.steps import Task
from rag.blobs import Blobs
from rag.errors import OlharError
from rag.images import Series, Wanted, further, unit_of
from rag.images.frames import Choice
from rag.settings import Settings
from rag.types import JSON, Item, content_hash

FURTHER: Final = "ingest.frames:further_pictures"
SHARE: Final = 0.8
"""Of the deadline: so long the child reads before it gives what it has."""


def wanted(settings: Settings) -> Wanted:
    """What OLHAR_FRAMES and OLHAR_PAGES say."""
    choice, _, most = settings.frames.partition(":")
    if not most:
        return Wanted(pages=settings.pages)
    return Wanted(int(most), cast(Choice, choice), settings.pages)


def has_further(data: bytes, settings: Settings) -> bool:
    """Whether to look for more pictures than the first, as far as the first bytes tell."""
    unit = unit_of(data)
    return unit is not None and wanted(settings).of(unit) > 1


def read(
    task: Task,
    data: bytes,
    item: Item,
    sandbox: Sandbox,
    blobs: Blobs,
    settings: Settings,
    claim: Callable[[Sequence[str]], None],
) -> None:
    """The further pictures of a file become parts of ``item``, and are kept beside the original.

    Whatever is wrong with them is noted, and hurts the first picture not. ``claim`` is told their hashes
    before, so that nobody takes them for unused.
    """
    deadline = settings.parse_seconds
    args = (data, wanted(settings), settings.max_pixels, SHARE * deadline)
    try:
        series: Series = sandbox.call(FURTHER, *args, deadline=deadline)
    except OlharError as error:
        task.notes.append(f"only its first picture was taken: {error}")
        return
    task.notes += series.problems
    hashes = [content_hash(frame.data) for frame in series.frames]
    try:
        claim(tuple(dict.fromkeys(hashes)))
        for sha256, frame in zip(hashes, series.frames, strict=True):
            blobs.put(sha256, frame.data)
    except OlharError as error:
        task.refused(error)
        return
    if series.frames:
        task.figures = tuple(dict.fromkeys(hashes))
        task.parts = _parts(task, item, series, hashes)
        task.summary, task.told = _summary(series), _told(series)


def further_pictures(data: bytes, wanted: Wanted, max_pixels: int, seconds: float) -> Series:
    """What the child does."""
    return further(data, wanted, max_pixels=max_pixels, seconds=seconds)


def _parts(task: Task, item: Item, series: Series, hashes: Sequence[str]) -> list[Part]:
    title: Mapping[str, JSON] = {"title": task.name}
    parts = []
    for sha256, frame in zip(hashes, series.frames, strict=True):
        part = part_of(item, f"{series.unit}-{frame.number}", "image", frame.number, title)
        parts.append(Part(replace(part, content_hash=sha256)))
    return parts


def _summary(series: Series) -> dict[str, JSON]:
    """As the summary of a document; the first picture is the item itself and no figure."""
    kind = "animation" if series.unit == "frame" else TIFF
    return {"kind": kind, f"{series.unit}s": series.count, "passages": 0, "figures": len(series.frames)}


def _told(series: Series) -> str:
    taken = len(series.frames) + 1
    return f"{taken} of {series.count:,} {series.unit}s"
