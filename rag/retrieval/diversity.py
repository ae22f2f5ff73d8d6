"""Hits that differ: maximal marginal relevance (Carbonell and Goldstein 1998)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.retrieval.fusion import Scores
from rag.retrieval.grouping import Grouped
from rag.types import Vector


def diverse(hits: Sequence[Grouped], diversity: float) -> Iterator[Grouped]:
    """The hits, each the one of greatest (1 - d) × relevance - d × greatest likeness to those before it.

    The relevance is the score, from 0 (the least of these hits) to 1; the likeness of two items is the mean
    cosine of their pictures and captions, as far as both have them. Hits of a further window come later.
    Each hit costs as much as there are hits, so take no more than are needed.
    """
    if diversity == 0:
        yield from hits
        return
    for window in sorted({hit.ranked.window for hit in hits}):
        yield from _window([hit for hit in hits if hit.ranked.window == window], diversity)


def _window(hits: Sequence[Grouped], diversity: float) -> Iterator[Grouped]:
    rows = [hit.ranked.scored.row for hit in hits]
    sides = [_Side.of([row.image_vector for row in rows]), _Side.of([row.caption_vector for row in rows])]
    relevance = _scaled(np.array([hit.ranked.score for hit in hits]))
    nearest: Scores | None = None
    left = np.ones(len(hits), bool)
    for _ in hits:
        gain = (1 - diversity) * relevance - (0 if nearest is None else diversity * nearest)
        best = int(np.argmax(np.where(left, gain, -np.inf)))  # of equal ones the first
        yield hits[best]
        left[best] = False
        likeness = _likeness(sides, best)
        nearest = likeness if nearest is None else np.maximum(nearest, likeness)


def _scaled(scores: Scores) -> Scores:
    spread = scores.max() - scores.min()
    return (scores - scores.min()) / spread if spread > 0 else np.ones(len(scores))


@dataclass(frozen=True, slots=True)
class _Side:
    """Pictures or captions: unit vectors, shape (n, d), zeros for those who have none, and who has one."""

    units: Vector
    there: NDArray[np.bool_]

    @classmethod
    def of(cls, vectors: Sequence[Vector | None]) -> _Side:
        width = next((len(vector) for vector in vectors if vector is not None), 0)
        units = np.zeros((len(vectors), width), np.float32)
        for place, vector in enumerate(vectors):
            if vector is not None:
                units[place] = vector / np.linalg.norm(vector)
        return cls(units, np.array([vector is not None for vector in vectors], bool))


def _likeness(sides: Sequence[_Side], one: int) -> Scores:
    """Mean cosine of each hit to this one, shape (n,); 0 where they have nothing in common."""
    with_it = [side for side in sides if side.there[one]]
    sums, counts = np.zeros(len(sides[0].there)), np.zeros(len(sides[0].there))
    for side in with_it:
        sums += side.units @ side.units[one]
        counts += side.there
    return sums / np.maximum(counts, 1)
