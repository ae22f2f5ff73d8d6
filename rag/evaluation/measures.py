"""Measures of rankings, from the ranks of what is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

DEPTH: Final = 1000
"""Places of a ranking that ``mrr`` looks at. A right item further down counts as not found."""

CUTOFFS: Final = (1, 5, 10)
MEASURES: Final = (*(f"recall@{k}" for k in CUTOFFS), "mrr", "ndcg@10")
CURVE: Final = (1, 2, 3, 5, 10, 20, 30, 50, 100)
"""The ranks at which a curve of recall is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Which items are right for which query: a row for each such pair, those of a query side by side.

    ``query`` and ``place`` have shape (pairs,), ``grade`` (how right, above 0) too; ``counts`` says how many
    pairs each query has, at least one.
    """

    query: NDArray[np.intp]
    place: NDArray[np.intp]
    grade: Floats
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, relevant: Sequence[Sequence[int]], grades: Sequence[Sequence[int]] = ()) -> Self:
        """``relevant``: for each query the places of the right items; ``grades`` goes beside, else all 1."""
        counts = np.array([len(places) for places in relevant], np.intp)
        place = np.array([place for places in relevant for place in places], np.intp)
        graded = np.array([grade for each in grades for grade in each], np.float64)
        return cls(
            np.repeat(np.arange(len(counts)), counts),
            place,
            graded if grades else np.ones(len(place)),
            counts,
        )

    def of_queries(self, start: int, stop: int) -> slice:
        """The pairs of some queries that follow each other."""
        return slice(*np.searchsorted(self.query, (start, stop)).tolist())

    def mean(self, of_pairs: Floats) -> Floats:
        """The mean over the right items of each query."""
        return np.bincount(self.query, of_pairs, len(self.counts)) / self.counts


def per_query(truth: Truth, ranks: Floats) -> Floats:
    """Each measure for each query, in [0, 1]: shape (queries, measures), in the order of MEASURES.

    ``ranks`` has the place of each pair of ``truth`` in its query's ranking, 1 for the first, ``inf`` for one
    that is not found. Recall is the share of the right items; ``ndcg`` is that of Järvelin and Kekäläinen
    2002 with the grade as gain and log2(rank + 1) as discount.
    """
    reciprocal = np.zeros(len(truth.counts))
    np.maximum.at(reciprocal, truth.query, np.where(ranks <= DEPTH, 1 / ranks, 0.0))
    recall = [truth.mean((ranks <= k).astype(np.float64)) for k in CUTOFFS]
    return np.stack([*recall, reciprocal, _ndcg(truth, ranks, 10)], axis=1)


def curve(truth: Truth, ranks: Floats) -> Floats:
    """Mean recall at each rank of CURVE."""
    return np.array([truth.mean((ranks <= k).astype(np.float64)).mean() for k in CURVE])


def _ndcg(truth: Truth, ranks: Floats, k: int) -> Floats:
    gained = np.where(ranks <= k, truth.grade / np.log2(ranks + 1), 0.0)
    order = np.lexsort((-truth.grade, truth.query))
    starts = np.cumsum(truth.counts) - truth.counts
    best = np.arange(1, len(order) + 1) - starts[truth.query]
    ideal = np.where(best <= k, truth.grade[order] / np.log2(best + 1), 0.0)
    size = len(truth.counts)
    return np.bincount(truth.query, gained, size) / np.bincount(truth.query, ideal, size)
