"""Score every candidate on every leg: found by one leg, an item is still scored on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from rag.folding import query_stems, stems
from rag.observing import step
from rag.protocols import Store
from rag.retrieval.encoding import EncodedQuery, EncodedText
from rag.retrieval.insight import NOTHING, Insight
from rag.types import Filter, Item, Kind, Leg, Legs, Row, Scope, Vector

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
    by_text = _legs(rows, query.text, insight)
    if readings:
        ocr = _cosines([readings.get(row.item.id) for row in rows], query.text.caption)
        by_text = [replace(legs, ocr=ocr[n]) for n, legs in enumerate(by_text)]
    images, captions = [row.image_vector for row in rows], [row.caption_vector for row in rows]
    picture, like = _cosines(images, query.picture), _cosines(captions, query.like)
    unwanted = [_legs(rows, text, insight) for text in query.negative]
    return [
        Scored(row, by_text[n], picture[n], like[n], tuple(legs[n] for legs in unwanted))
        for n, row in enumerate(rows)
    ]


def _legs(rows: Sequence[Row], text: EncodedText, insight: Insight) -> list[Legs]:
    image = _cosines([row.image_vector for row in rows], text.image)
    caption = _cosines([row.caption_vector for row in rows], text.caption)
    named, agreement = _named(rows, text, image, insight), _agreement(rows, text, insight)
    asked = query_stems(text.words)
    return [
        Legs(
            image[i],
            caption[i],
            _coverage(asked, row.item),
            agreement=agreement.get(i),
            named=named.get(i),
        )
        for i, row in enumerate(rows)
    ]


def _named(
    rows: Sequence[Row], text: EncodedText, cosines: Sequence[float | None], insight: Insight
) -> dict[int, float]:
    """By the row's place, for rows with a picture."""
    there = {i: row.image_vector for i, row in enumerate(rows) if row.image_vector is not None}
    if text.image is None or not there:
        return {}
    nearness = np.array([cosines[i] for i in there], np.float32)
    told = insight.named_nearest(text.image, np.stack(list(there.values())), nearness)
    return {} if told is None else dict(zip(there, told.tolist(), strict=True))


def _agreement(rows: Sequence[Row], text: EncodedText, insight: Insight) -> dict[int, float]:
    """By the row's place, for rows with a picture and a caption that are asked for by a text."""
    pairs = {
        i: (row.caption_vector, row.image_vector)
        for i, row in enumerate(rows)
        if row.caption_vector is not None and row.image_vector is not None
    }
    if text.caption is None or not pairs:
        return {}
    captions, images = (np.stack(side) for side in zip(*pairs.values(), strict=True))
    told = insight.agreement(captions, images)
    return {} if told is None else dict(zip(pairs, told.tolist(), strict=True))


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


def _cosines(vectors: Sequence[Vector | None], query: Vector | None) -> list[float | None]:
    """Each by itself, so that an item's score does not hang on which others are scored with it."""
    scores: list[float | None] = [None] * len(vectors)
    there = [i for i, vector in enumerate(vectors) if vector is not None]
    if query is None or not there:
        return scores
    matrix = np.stack([vector for vector in vectors if vector is not None])
    for i, value in zip(there, (matrix * query).sum(axis=1).tolist(), strict=True):
        scores[i] = value
    return scores
