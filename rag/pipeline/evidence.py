"""What was found, as a language model and a reranker read it."""

from __future__ import annotations

from collections.abc import Sequence

from rag.types import Evidence, Hit, Item

MAX_EVIDENCE_CHARACTERS = 2_000


def number(hits: Sequence[Hit]) -> tuple[Evidence, ...]:
    """Hits with their markers, 1 first, and the text that a language model reads for each."""
    return tuple(Evidence(marker, hit, describe(hit)) for marker, hit in enumerate(hits, start=1))


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
    return " ".join(" ".join(parts).split())[:MAX_EVIDENCE_CHARACTERS]


def has_words(item: Item) -> bool:
    """Whether anything is known of the item beyond its pixels."""
    return bool(item.caption or item.text or item.ocr or item.tags)
