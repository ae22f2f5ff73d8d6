"""Hits that differ: maximal marginal relevance (Carbonell and Goldstein 1998)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.retrieval.fusion import Scores
from rag.retrieval.grouping import Grouped
from rag.types import Vector


def diverse(hits: Sequence[Grouped], diversity: float) -> list[Grouped]:
    """The hits, each the one of greatest (1 - d) × relevance - d × greatest likeness to those before it.

    The relevance is the score, from 0 (the least of these hits) to 1; the likeness of two items is the mean
    cosine of their pictures and captions, as far as both have them. Hits of a further window come later.
    """
    if diversity == 0:
        return list(hits)
    windows = sorted({hit.ranked.window for hit in hits})
    return [
        hit
        for window in windows
        for hit in _window([hit for hit in hits if hit.ranked.window == window], diversity)
    ]


def _window(hits: Sequence[Grouped], diversity: float) -> list[Grouped]:
    relevance = _scaled(np.array([hit.ranked.score for hit in hits]))
    likeness = _likeness(hits)
    nearest = np.zeros(len(hits))
    left = np.ones(len(hits), bool)
    found: list[Grouped] = []
    for _ in hits:
        gain = np.where(left, (1 - diversity) * relevance - diversity * nearest, -np.inf)
        best = int(np.argmax(gain))  # of equal ones the first
        left[best] = False
        nearest = np.maximum(nearest, likeness[best]) if found else likeness[best]
        found.append(hits[best])
    return found


def _scaled(scores: Scores) -> Scores:
    spread = scores.max() - scores.min()
    return (scores - scores.min()) / spread if spread > 0 else np.ones(len(scores))


def _likeness(hits: Sequence[Grouped]) -> Scores:
    """Mean cosine of each two hits, shape (n, n); 0 where they have nothing in common."""
    rows = [hit.ranked.scored.row for hit in hits]
    sums, counts = np.zeros((len(rows), len(rows))), np.zeros((len(rows), len(rows)))
    for vectors in ([row.image_vector for row in rows], [row.caption_vector for row in rows]):
        there = [n for n, vector in enumerate(vectors) if vector is not None]
        if there:
            matrix = np.stack([_unit(vector) for vector in vectors if vector is not None])
            sums[np.ix_(there, there)] += matrix @ matrix.T
            counts[np.ix_(there, there)] += 1
    return sums / np.maximum(counts, 1)


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
