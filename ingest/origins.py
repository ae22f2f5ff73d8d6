"""Where an item's caption and tags are from.

An item's metadata says where its caption and tags are from: ``caption_origin`` and ``tags_origin`` are
`sidecar`, `manifest`, `embedded`, `upload`, `figure-caption`, `alt-text`, `heading`, `model:<name>` or
`person`; ``edited`` lists the keys of the metadata that a person said. These keys are Olhar's own.
"""

from __future__ import annotations

from typing import Final

from rag.types import Item

CAPTION_ORIGIN: Final = "caption_origin"
TAGS_ORIGIN: Final = "tags_origin"
EDITED: Final = "edited"
KEYS: Final = frozenset({CAPTION_ORIGIN, TAGS_ORIGIN, EDITED})
PERSON: Final = "person"
MODEL: Final = "model:"


def caption_origin(item: Item) -> str:
    """Where the caption is from; empty without one, and for items of before this was kept."""
    return str(item.metadata.get(CAPTION_ORIGIN, ""))


def tags_origin(item: Item) -> str:
    """The same for the tags."""
    return str(item.metadata.get(TAGS_ORIGIN, ""))


def edited_keys(item: Item) -> list[str]:
    """The keys of the metadata that a person said, or took away."""
    keys = item.metadata.get(EDITED)
    return [str(key) for key in keys] if isinstance(keys, list) else []


def edited(item: Item) -> list[str]:
    """What of an item is a person's: `caption`, `tags`, `metadata.<key>`."""
    return [
        *(["caption"] if caption_origin(item) == PERSON else []),
        *(["tags"] if tags_origin(item) == PERSON else []),
        *(f"metadata.{key}" for key in edited_keys(item)),
    ]


def from_model(origin: str) -> bool:
    """Whether a model wrote it, which yields to whatever is said."""
    return origin.startswith(MODEL)
