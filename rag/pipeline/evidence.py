"""What was found, as a language model and a reranker read it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from rag.duplicates import DISTANCE, grouped
from rag.types import AUDIO, MAX_EVIDENCE, Evidence, Hit, Item, moment

WORDS_WEIGH = 4.0
"""Log-odds of a hit that holds all words of the question, beside one that holds none: what
``rag.generation.choosing`` gives them too."""
_LONG_WORD = 40
_WORD = re.compile(r"\w+")


def number(hits: Sequence[Hit], alike: Mapping[str, int] | None = None) -> tuple[Evidence, ...]:
    """Hits with their markers, 1 first, and the text that a language model reads for each.

    ``alike``: how many others each stands for, by id.
    """
    others = alike or {}
    return tuple(
        Evidence(marker, hit, _with_others(hit, others.get(hit.item.id, 0)), others.get(hit.item.id, 0))
        for marker, hit in enumerate(hits, start=1)
    )


def chosen(hits: Sequence[Hit], most: int) -> list[Hit]:
    """Of ranked hits the ``most`` that answer best, in their order.

    What answers a question tends to hold its words, more than their part in the ranking says: that was fitted
    on descriptions. A picture without words competes as one that holds as many as the others on average.
    """
    known = [hit.legs.bm25 for hit in hits if hit.legs.bm25 is not None]
    usual = sum(known) / len(known) if known else 0.0

    def worth(hit: Hit) -> float:
        return hit.score + WORDS_WEIGH * (usual if hit.legs.bm25 is None else hit.legs.bm25)

    best = {hit.item.id for hit in sorted(hits, key=worth, reverse=True)[:most]}
    return [hit for hit in hits if hit.item.id in best]


def distinct(hits: Sequence[Hit]) -> tuple[list[Hit], dict[str, int]]:
    """The first of those that say the same or only look alike, and how many others each stands for, by id.

    Pictures look alike by their perceptual hashes, as in ``rag.duplicates``; one that looks like another and
    has words which that lacks is kept. Texts are the same up to case, spaces and a full stop at the end; two
    different pictures or sounds under the same words are two pieces of evidence. A picture without structure
    looks like none, and no different one.
    """
    looks = _look_alikes([hit.item for hit in hits])
    kept: list[tuple[Hit, _Said]] = []
    alike: dict[str, int] = {}
    for place, hit in enumerate(hits):
        said = _Said(looks.get(place), _compared(hit), _own_words(hit.item))
        stands = next((first.item.id for first, other in kept if said.no_more_than(other)), None)
        if stands is None:
            kept.append((hit, said))
        else:
            alike[stands] = alike.get(stands, 0) + 1
    return [hit for hit, _ in kept], alike


@dataclass(frozen=True, slots=True)
class _Said:
    """What a hit tells: what it looks like (equal for look-alikes), its text, and the words of its own."""

    look: int | None
    text: str
    words: Set[str]

    def no_more_than(self, other: _Said) -> bool:
        if self.look is not None and other.look is not None:
            return self.look == other.look and self.words <= other.words
        return bool(self.text) and self.text == other.text


def _compared(hit: Hit) -> str:
    if hit.item.modality == AUDIO:
        return ""
    return " ".join(describe(hit).casefold().split()).rstrip(" .")


def _own_words(item: Item) -> Set[str]:
    """What is known of the item beyond its pixels and its place."""
    return set(_WORD.findall(" ".join((item.caption, item.text, item.ocr, *item.tags)).casefold()))


def _look_alikes(items: Sequence[Item]) -> dict[int, int]:
    """For the place of each picture that has a look, the first place of those that look like it."""
    hashed = [place for place, item in enumerate(items) if item.phash.strip("0") and not item.is_frame]
    hashes = np.array([int(items[place].phash, 16) for place in hashed], dtype=np.uint64)
    first = {place: place for place in hashed}
    for group in grouped(hashes, DISTANCE) if hashed else ():
        for member in group:
            first[hashed[member]] = hashed[group[0]]
    return first


def _with_others(hit: Hit, alike: int) -> str:
    others = alike + hit.duplicates
    # Before the rest, so that it stands there whatever is cut.
    return _cut(f"({others} more like it) {describe(hit)}" if others else describe(hit))


def place(item: Item) -> str:
    """Where a part stands: the title of its document and its page, slide, sheet, chapter, frame or moment."""
    if item.seconds is not None:
        return f"at {moment(item.seconds)} of {item.metadata.get('title', '')}"
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
    elif item.modality == AUDIO:
        parts.append("No caption. A sound.")
    if item.text:
        parts.append(item.text)
    if item.ocr:
        parts.append(f"Text in the picture: {item.ocr}")
    if item.tags:
        parts.append("Tags: " + ", ".join(item.tags))
    return _cut(" ".join(" ".join(parts).split()))


def _cut(text: str) -> str:
    """The text; a longer one up to the last whole word that fits, if it has words, and a mark behind it."""
    if len(text) <= MAX_EVIDENCE:
        return text
    kept = text[: MAX_EVIDENCE - 1]
    whole = kept.rpartition(" ")[0]
    return (whole if len(kept) - len(whole) < _LONG_WORD else kept) + "…"


def has_words(item: Item) -> bool:
    """Whether anything is known of the item beyond its pixels."""
    return bool(item.caption or item.text or item.ocr or item.tags)
