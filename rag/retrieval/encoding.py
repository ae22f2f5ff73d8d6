"""A query as each leg needs it: its texts and pictures encoded, the vectors of items whose like is sought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.errors import InvalidInput, NotFound
from rag.protocols import Hearing, ImageEncoder, Store, TextEncoder
from rag.types import LikeBy, Pixels, Query, Row, Scope, Sound, Vector

MAX_CHARACTERS = 8_192
MAX_PICTURES = 10
MAX_LIKE = 10
MAX_NEGATIVE = 5


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text as a picture's text, as a caption, and as words; ``None`` and empty where there is none."""

    image: Vector | None
    caption: Vector | None
    words: str


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A query as each leg needs it; ``None`` where the query has nothing for that leg.

    ``picture`` and ``like`` are means of unit vectors, so that a dot product with them is the mean cosine.
    """

    text: EncodedText
    picture: Vector | None
    """Looks for pictures and sounds by those of the query, and by those of the items in ``Query.like``."""
    like: Vector | None
    """Looks for captions by those of the items in ``Query.like``."""
    negative: tuple[EncodedText, ...] = ()

    @property
    def composed(self) -> Vector | None:
        """Looks for pictures that are somewhat like both, which either alone may miss."""
        if self.text.image is None or self.picture is None:
            return None
        between = self.text.image + self.picture / np.linalg.norm(self.picture)
        return None if not between.any() else np.asarray(between, np.float32)


def check(query: Query) -> None:
    """Raises InvalidInput for a query that asks for nothing, or for too much."""
    for text in (query.text, *query.negative):
        if len(text) > MAX_CHARACTERS:
            raise InvalidInput(
                f"the query has {len(text)} characters; the limit is {MAX_CHARACTERS}: shorten it"
            )
    bounds = (
        ("pictures", query.pictures, MAX_PICTURES),
        ("items to be like", query.like, MAX_LIKE),
        ("texts that are not wanted", query.negative, MAX_NEGATIVE),
    )
    for what, given, most in bounds:
        if len(given) > most:
            raise InvalidInput(f"the query has {len(given)} {what}; the limit is {most}: leave some out")
    if not (query.text.strip() or query.pictures or query.like or query.sound):
        only = "what is not wanted needs something to look for beside it" if query.negative else ""
        raise InvalidInput(
            only or "the query is empty: give a text, a picture, a sound, an item to be like, or several"
        )


def encode(
    query: Query, store: Store, scope: Scope, images: ImageEncoder, texts: TextEncoder
) -> EncodedQuery:
    """The vectors of a query, each of shape (dim,).

    Raises NotFound for an id in ``Query.like`` that no item of the tenant has, and InvalidInput for an item
    that lacks what its like is sought by, and for a sound where the encoder does not hear.
    """
    like = [_sought(row, query.like_by) for row in _stored(store, scope, query.like)]
    pictures = [
        *_pictures(query.pictures, images),
        *_sounds(query.sound, images),
        *(r.image_vector for r in like if r.image_vector is not None),
    ]
    return EncodedQuery(
        text=_text(query.text.strip(), images, texts),
        picture=_mean(pictures),
        like=_mean([row.caption_vector for row in like if row.caption_vector is not None]),
        negative=tuple(_text(text.strip(), images, texts) for text in query.negative if text.strip()),
    )


def _text(text: str, images: ImageEncoder, texts: TextEncoder) -> EncodedText:
    if not text:
        return EncodedText(None, None, "")
    return EncodedText(images.encode_text_queries([text])[0], texts.encode_queries([text])[0], text)


def _pictures(pictures: Sequence[Pixels], images: ImageEncoder) -> list[Vector]:
    return list(images.encode_image_queries(pictures)) if pictures else []


def _sounds(sound: Sound | None, images: ImageEncoder) -> list[Vector]:
    if sound is None:
        return []
    if not (isinstance(images, Hearing) and images.hears):
        raise InvalidInput(
            f"the query holds a sound, and the encoder {images.fingerprint.name} does not hear: choose one "
            "that does, such as OLHAR_ENCODER=imagebind:FOLDER"
        )
    return list(images.encode_sounds([sound]))


def _mean(vectors: Sequence[Vector]) -> Vector | None:
    """None also where vectors cancel each other out."""
    if not vectors:
        return None
    units = [vector / np.linalg.norm(vector) for vector in vectors]
    mean = np.asarray(sum(units) / len(units), np.float32)
    return mean if mean.any() else None


def _stored(store: Store, scope: Scope, ids: Sequence[str]) -> list[Row]:
    """The rows of items, which may lie in any collection of the tenant."""
    if not ids:
        return []
    tenant = Scope(scope.tenant)
    found = {row.item.id: row for kind in ("image", "passage") for row in store.rows(tenant, kind, ids)}
    for item_id in ids:
        if item_id not in found:
            raise NotFound(f"there is no item {item_id!r} to find the like of")
    return [found[item_id] for item_id in dict.fromkeys(ids)]


def _sought(row: Row, by: LikeBy) -> Row:
    """With the vectors alone that its like is sought by."""
    image = None if by == "text" else row.image_vector
    caption = None if by == "image" else row.caption_vector
    if image is None and caption is None:
        without = {"both": "neither a picture nor a text", "image": "no picture", "text": "no text"}[by]
        other = "name one of its parts" if by == "both" else "look for its like by the other, or by both"
        raise InvalidInput(f"the item {row.item.id!r} has {without} of its own; {other}")
    return replace(row, image_vector=image, caption_vector=caption)
