"""Score every candidate on every leg: found by one leg, an item is still scored on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.folding import fold_query, words
from rag.protocols import ImageEncoder, Store, TextEncoder
from rag.types import Filter, Item, Kind, Leg, Legs, Query, Row, Scope, Vector


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A query as each leg needs it; ``None`` where the query has nothing for that leg."""

    image: Vector | None
    """Looks for pictures by the text of the query."""
    picture: Vector | None
    """Looks for pictures by the picture of the query."""
    caption: Vector | None
    text: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its vectors and its scores."""

    row: Row
    legs: Legs
    picture: float | None
    """Cosine to the picture of the query, in [-1, 1]."""


def encode_query(query: Query, images: ImageEncoder, texts: TextEncoder) -> EncodedQuery:
    """The vectors of a query, each of shape (dim,)."""
    text = query.text.strip()
    return EncodedQuery(
        image=images.encode_text_queries([text])[0] if text else None,
        picture=images.encode_image_queries([query.image])[0] if query.image is not None else None,
        caption=texts.encode_queries([text])[0] if text else None,
        text=text,
    )


def candidates(
    store: Store, scope: Scope, kind: Kind, query: EncodedQuery, *, limit: int, where: Filter | None
) -> set[str]:
    """The union of the best ``limit`` ids of every leg. Passages have no picture."""
    searches: list[tuple[Leg, Vector | str | None]] = [
        ("image", query.image),
        ("image", query.picture),
        ("caption", query.caption),
        ("bm25", query.text or None),
    ]
    found: set[str] = set()
    for leg, wanted in searches:
        if wanted is not None and (kind == "image" or leg != "image"):
            hits = store.search(scope, kind, leg, wanted, limit=limit, where=where)
            found.update(item_id for item_id, _ in hits)
    return found


def score(rows: Sequence[Row], query: EncodedQuery) -> list[Scored]:
    """Exact scores of all legs, in the order of ``rows``."""
    image = _cosines([row.image_vector for row in rows], query.image)
    picture = _cosines([row.image_vector for row in rows], query.picture)
    caption = _cosines([row.caption_vector for row in rows], query.caption)
    asked = frozenset(fold_query(query.text).split())
    return [
        Scored(row, Legs(image[i], caption[i], _coverage(asked, row.item)), picture[i])
        for i, row in enumerate(rows)
    ]


def _coverage(asked: frozenset[str], item: Item) -> float | None:
    """The share of the words asked for that the item's texts hold; None when it has no text.

    BM25 finds; this scores. BM25's own numbers depend on the back end and on how its rows happen to be
    split into segments, so they order the matches of one search and mean nothing beyond it.
    """
    text = " ".join((item.caption, item.ocr, item.text, *item.tags))
    if not asked or not text.strip():
        return None
    return len(asked & words(text)) / len(asked)


def _cosines(vectors: Sequence[Vector | None], query: Vector | None) -> list[float | None]:
    scores: list[float | None] = [None] * len(vectors)
    there = [i for i, vector in enumerate(vectors) if vector is not None]
    if query is None or not there:
        return scores
    matrix = np.stack([vector for vector in vectors if vector is not None])
    for i, value in zip(there, matrix @ query, strict=True):
        scores[i] = float(value)
    return scores
