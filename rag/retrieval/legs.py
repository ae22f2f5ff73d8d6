"""Score every candidate on every leg: found by one leg, an item is still scored on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

import numpy as np

from rag.folding import query_stems, stems
from rag.observing import step
from rag.protocols import Store
from rag.retrieval.encoding import EncodedQuery, EncodedText
from rag.retrieval.insight import NOTHING, Insight
from rag.types import Filter, Item, Kind, Leg, Legs, Matrix, Row, Scope, Vector

NO_READINGS: Mapping[str, Vector] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its vectors and its scores."""

    row: Row
    legs: Legs
    """By the text of the query."""
    picture: float | None
    """Cosine to the pictures of the query, in [-1, 1]; of several the mean."""
    like: float | None
    """Cosine of its caption to those of the items whose like is looked for."""
    negative: tuple[Legs, ...] = ()
    """By each text that is not wanted."""


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of candidates; ``all`` says that no leg has more."""

    ids: frozenset[str]
    all: bool


def candidates(
    store: Store, scope: Scope, kind: Kind, query: EncodedQuery, *, limit: int, where: Filter | None
) -> Found:
    """The union of the best ``limit`` ids of every leg. Passages have no picture."""
    searches: list[tuple[Leg, Vector | str | None]] = [
        ("image", query.text.image),
        ("image", query.picture),
        ("image", query.composed),
        ("caption", query.text.caption),
        ("caption", query.like),
        ("bm25", query.text.words or None),
    ]
    found = []
    for leg, wanted in searches:
        if wanted is not None and (kind == "image" or leg != "image"):
            with step("search", leg=leg, kind=kind):
                found.append(store.search(scope, kind, leg, wanted, limit=limit, where=where))
    ids = frozenset(item_id for hits in found for item_id, _ in hits)
    return Found(ids, all(len(hits) < limit for hits in found))


def score(
    rows: Sequence[Row],
    query: EncodedQuery,
    insight: Insight = NOTHING,
    readings: Mapping[str, Vector] = NO_READINGS,
) -> list[Scored]:
    """Exact scores of all legs, in the order of ``rows``, and what ``insight`` tells beside them.

    ``readings`` are vectors of the texts read in photos, by the photo's id.
    """
    images = Side.of([row.image_vector for row in rows])
    captions = Side.of([row.caption_vector for row in rows])
    texts = (query.text, *query.negative)
    by_captions = any(text.caption is not None for text in texts)
    agreement = _agreement(images, captions, insight) if by_captions else {}
    by_text, *unwanted = (_legs(rows, text, (images, captions), agreement, insight) for text in texts)
    if readings:
        read = Side.of([readings.get(row.item.id) for row in rows])
        ocr = read.cosines(query.text.caption)
        by_text = [replace(legs, ocr=ocr[n]) for n, legs in enumerate(by_text)]
    picture, like = images.cosines(query.picture), captions.cosines(query.like)
    return [
        Scored(row, by_text[n], picture[n], like[n], tuple(legs[n] for legs in unwanted))
        for n, row in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True)
class Side:
    """Vectors of the pictures of some rows, or of the captions, and the places of the rows that have one."""

    count: int
    places: Sequence[int]
    vectors: Matrix

    @classmethod
    def of(cls, vectors: Sequence[Vector | None]) -> Self:
        there = [vector for vector in vectors if vector is not None]
        places = [place for place, vector in enumerate(vectors) if vector is not None]
        return cls(len(vectors), places, np.stack(there) if there else np.zeros((0, 0), np.float32))

    def cosines(self, query: Vector | None) -> list[float | None]:
        """By row. Each by itself, so that a score does not hang on which others are made with it."""
        scores: list[float | None] = [None] * self.count
        if query is not None and self.places:
            for place, value in zip(self.places, (self.vectors * query).sum(axis=1).tolist(), strict=True):
                scores[place] = value
        return scores


def _legs(
    rows: Sequence[Row],
    text: EncodedText,
    sides: tuple[Side, Side],
    agreement: Mapping[int, float],
    insight: Insight,
) -> list[Legs]:
    images, captions = sides
    image, caption = images.cosines(text.image), captions.cosines(text.caption)
    named, agreed = _named(images, image, text, insight), agreement if text.caption is not None else {}
    asked = query_stems(text.words)
    return [
        Legs(image[i], caption[i], _coverage(asked, row.item), agreement=agreed.get(i), named=named.get(i))
        for i, row in enumerate(rows)
    ]


def _named(
    images: Side, cosines: Sequence[float | None], text: EncodedText, insight: Insight
) -> dict[int, float]:
    """By the row's place, for rows with a picture."""
    if text.image is None or not images.places:
        return {}
    nearness = np.array([cosines[place] for place in images.places], np.float32)
    told = insight.named_nearest(text.image, images.vectors, nearness)
    return {} if told is None else dict(zip(images.places, told.tolist(), strict=True))


def _agreement(images: Side, captions: Side, insight: Insight) -> dict[int, float]:
    """By the row's place, for rows with a picture and a caption."""
    both = sorted(set(images.places) & set(captions.places))
    if not both:
        return {}
    own = [side.vectors[np.searchsorted(side.places, both)] for side in (captions, images)]
    told = insight.agreement(*own)
    return {} if told is None else dict(zip(both, told.tolist(), strict=True))


def _coverage(asked: frozenset[str], item: Item) -> float | None:
    """The share of the stems asked for that the item's texts hold; None when it has no text.

    BM25 finds; this scores. BM25's own numbers depend on the back end and on how its rows happen to be
    split into segments, so they order the matches of one search and mean nothing beyond it.
    """
    return coverage(asked, " ".join((item.caption, item.ocr, item.text, *item.tags)))


def coverage(asked: frozenset[str], text: str) -> float | None:
    """The share of the stems asked for that a text holds, in [0, 1]; None for an empty one."""
    if not asked or not text.strip():
        return None
    return len(asked & stems(text)) / len(asked)
