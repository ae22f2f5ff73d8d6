"""What was found, as a language model and a reranker read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rag.duplicates import DISTANCE, grouped
from rag.types import Evidence, Hit, Item

MAX_EVIDENCE_CHARACTERS = 2_000


def number(hits: Sequence[Hit], alike: Mapping[str, int] | None = None) -> tuple[Evidence, ...]:
    """Hits with their markers, 1 first, and the text that a language model reads for each.

    ``alike``: how many others each stands for, by id.
    """
    others = alike or {}
    return tuple(
        Evidence(marker, hit, _with_others(hit, others.get(hit.item.id, 0)), others.get(hit.item.id, 0))
        for marker, hit in enumerate(hits, start=1)
    )


def distinct(hits: Sequence[Hit]) -> tuple[list[Hit], dict[str, int]]:
    """The first of those that look alike or say the same, and how many others each stands for, by id.

    Pictures look alike by their perceptual hashes, as in ``rag.duplicates``; a picture without structure
    looks like none.
    """
    first = _first_alike([hit.item for hit in hits])
    said: dict[str, int] = {}
    kept: list[Hit] = []
    alike: dict[str, int] = {}
    for place, hit in enumerate(hits):
        text = " ".join(describe(hit).casefold().split()).rstrip(" .")
        stands = hits[said.setdefault(text, first[place])] if text else hits[first[place]]
        if stands is hit:
            kept.append(hit)
        else:
            alike[stands.item.id] = alike.get(stands.item.id, 0) + 1
    return kept, alike


def _first_alike(items: Sequence[Item]) -> list[int]:
    """For each item the place of the first one that it looks like, which may be its own."""
    hashed = [place for place, item in enumerate(items) if item.phash.strip("0") and not item.is_frame]
    hashes = np.array([int(items[place].phash, 16) for place in hashed], dtype=np.uint64)
    first = list(range(len(items)))
    for group in grouped(hashes, DISTANCE) if hashed else ():
        for member in group:
            first[hashed[member]] = hashed[group[0]]
    return first


def _with_others(hit: Hit, alike: int) -> str:
    others = alike + hit.duplicates
    return f"{describe(hit)} ({others} more like it)" if others else describe(hit)


def place(item: Item) -> str:
    """Where a part stands: the title of its document and its page, slide, sheet, chapter or frame."""
    unit, inside, _ = item.part.partition("/")
    unit = unit.replace("-", " ") if item.page else ""
    whole = item.kind == "passage" or (unit and not inside)  # a page of a TIFF, or a frame
    what = "" if whole else "figure on " if unit else "figure in "
    return (
        f"{what}{unit} of {item.metadata.get('title', '')}"
        if unit
        else f"{what}{item.metadata.get('title', '')}"
    )


def describe(hit: Hit) -> str:
    """All that is known of a hit, in one paragraph for a language model to read."""
    item = hit.item
    parts = [f"{place(item)}:"] if item.parent_id else []
    if item.kind == "passage":
        parts.append(item.caption)
    elif item.caption:
        parts.append(f"Caption: {item.caption}")
    elif hit.labels:
        parts.append("No caption. Looks like: " + "; ".join(label.name for label in hit.labels))
    if item.text:
        parts.append(item.text)
    if item.ocr:
        parts.append(f"Text in the picture: {item.ocr}")
    if item.tags:
        parts.append("Tags: " + ", ".join(item.tags))
    text = " ".join(" ".join(parts).split())
    if len(text) <= MAX_EVIDENCE_CHARACTERS:
        return text
    return text[: MAX_EVIDENCE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


def has_words(item: Item) -> bool:
    """Whether anything is known of the item beyond its pixels."""
    return bool(item.caption or item.text or item.ocr or item.tags)
