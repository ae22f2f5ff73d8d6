"""Measures of rankings, computed by ir_measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import ir_measures
import numpy as np
from ir_measures import RR, R, nDCG
from numpy.typing import NDArray

DEPTH: Final = 1000
"""Places of a ranking that are looked at. A right photo further down counts as not found."""

MEASURES: Final = {"recall@1": R @ 1, "recall@5": R @ 5, "recall@10": R @ 10, "mrr": RR, "ndcg@10": nDCG @ 10}
_NAMES: Final = {measure: name for name, measure in MEASURES.items()}


class Tally:
    """The mean of each measure over all queries added."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(MEASURES, 0.0)
        self._queries = 0

    def add(self, rankings: Iterable[NDArray[np.intp]], relevant: Sequence[Sequence[int]]) -> None:
        """``rankings``: for each query the places of the photos found, best first."""
        right = {str(q): {str(place): 1 for place in places} for q, places in enumerate(relevant)}
        found = {
            # By rank and not by score: ir_measures would order equal scores in its own way.
            str(q): {str(place): -float(rank) for rank, place in enumerate(ranking[:DEPTH].tolist())}
            for q, ranking in enumerate(rankings)
        }
        for metric in ir_measures.iter_calc(MEASURES.values(), right, found):
            self._sums[_NAMES[metric.measure]] += float(metric.value)
        self._queries += len(right)

    def means(self) -> Mapping[str, float]:
        """Each in [0, 1], to six digits."""
        return {name: round(total / max(1, self._queries), 6) for name, total in self._sums.items()}
