"""What is known about a picture besides its pixels, and how much of it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag.types import JSON

CAPTION_BYTES = 8192
TEXT_BYTES = 32_768
TAG_BYTES = 512
TAGS = 1000
METADATA_BYTES = 60_000
RESERVED = frozenset({"document", "caption_origin", "tags_origin", "edited"})
"""Keys of an item's metadata that Olhar itself writes."""


@dataclass(frozen=True, slots=True)
class Description:
    """As given by a source. ``captions`` are those besides ``caption``.

    The origins say how it was given: `sidecar`, `manifest`, `embedded` in the file, `upload`.
    """

    caption: str = ""
    captions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    caption_origin: str = field(default="", compare=False)
    tags_origin: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.caption or self.captions or self.tags or self.metadata)


@dataclass(frozen=True, slots=True)
class Described:
    """As stored. ``note`` says what was left out, and is empty when nothing was."""

    caption: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    note: str = ""
    caption_origin: str = ""
    tags_origin: str = ""

    @property
    def words(self) -> str:
        """What the caption vector is made of; empty when there is no caption."""
        return f"{self.caption}\n{self.text}" if self.text else self.caption


def describe(description: Description, *, all_captions: bool) -> Described:
    """What is stored of a description.

    The first caption is the item's. The others are kept in its metadata as ``captions``, and with
    ``all_captions`` also in its text, so that they are found. What exceeds a limit is cut or left out.
    """
    notes: list[str] = []
    first, others = _captions(description)
    metadata = _metadata(description.metadata, notes)
    listed = _listed(others, metadata, notes)
    caption = _cut(first, CAPTION_BYTES, "caption", notes)
    text = _cut("\n".join(others) if all_captions else "", TEXT_BYTES, "further captions", notes)
    tags = _tags(description.tags, notes)
    return Described(
        caption=caption,
        text=text,
        tags=tags,
        metadata={**metadata, "captions": list[JSON](listed)} if listed else metadata,
        note="; ".join(notes),
        caption_origin=description.caption_origin if caption else "",
        tags_origin=description.tags_origin if tags else "",
    )


def shortened(description: Description, *, all_captions: bool) -> tuple[Description, str]:
    """A description without what ``describe`` cuts from it anyway, so that it is not sent; and the note."""
    notes: list[str] = []
    first, others = _captions(description)
    metadata = _metadata(description.metadata, notes)
    short = Description(
        caption=_cut(first, CAPTION_BYTES, "caption", notes),
        captions=tuple(others if all_captions else _listed(others, metadata, notes)),
        tags=_tags(description.tags, notes),
        metadata=metadata,
        caption_origin=description.caption_origin,
        tags_origin=description.tags_origin,
    )
    return short, "; ".join(notes)


def _captions(description: Description) -> tuple[str, list[str]]:
    """The first caption, which may be empty, and the others."""
    captions = [text for text in map(_clean, (description.caption, *description.captions)) if text]
    return "".join(captions[:1]), list(dict.fromkeys(captions[1:]))


def _clean(text: str) -> str:
    """Valid Unicode without NUL, trimmed: what every store and tokenizer takes."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode().strip()


def _cut(text: str, limit: int, what: str, notes: list[str]) -> str:
    data = text.encode()
    if len(data) <= limit:
        return text
    notes.append(f"{what} cut from {len(data)} to {limit} bytes")
    return data[:limit].decode(errors="ignore").strip()


def _tags(tags: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    clean = list(dict.fromkeys(tag for tag in map(_clean, tags) if tag))
    if len(clean) > TAGS:
        notes.append(f"{len(clean)} tags, of which the first {TAGS} are kept")
    return tuple(dict.fromkeys(_cut(tag, TAG_BYTES, "tag", notes) for tag in clean[:TAGS]))


def _metadata(given: Mapping[str, JSON], notes: list[str]) -> dict[str, JSON]:
    try:
        size = _size(given)
    except (TypeError, ValueError, RecursionError) as error:
        notes.append(f"metadata left out: {error}")
        return {}
    if size <= METADATA_BYTES:
        if taken := sorted(RESERVED & given.keys()):
            notes.append(f"metadata of these names left out, which are Olhar's own: {', '.join(taken)}")
        return {key: value for key, value in given.items() if key not in RESERVED}
    notes.append(f"metadata left out: {size} bytes, and the limit is {METADATA_BYTES}")
    return {}


def _listed(captions: list[str], metadata: Mapping[str, JSON], notes: list[str]) -> list[str]:
    """The further captions, if there is room for them in the metadata."""
    size = _size({**metadata, "captions": list[JSON](captions)})
    if not captions or size <= METADATA_BYTES:
        return captions
    notes.append(
        f"further captions left out of the metadata: {size} bytes, and the limit is {METADATA_BYTES}"
    )
    return []


def _size(metadata: Mapping[str, JSON]) -> int:
    return len(json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"))
