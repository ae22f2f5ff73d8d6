"""The queries that went worst, with all that is needed to see why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.measures import Truth
from rag.evaluation.rankings import Ranking
from rag.evaluation.scoring import LEGS
from rag.retrieval.fusion import LegScores
from rag.types import Leg

MOST: Final = 24
DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """An item as it stood: its name, its stored text, its rank (None: not found), its scores on the legs."""

    item: str
    text: str
    rank: int | None
    legs: Mapping[Leg, float]


@dataclass(frozen=True, slots=True)
class Miss:
    """A query whose best right item (``wanted``) is not first, and what is (``first``, None: nothing)."""

    query: str
    wanted: Seen
    first: Seen | None
    relevance: float | None


def worst(truth: Truth, clusters: Sequence[int], ranking: Ranking) -> list[int]:
    """The queries whose first right item stands lowest, worst first; of a cluster one, MOST in all."""
    best = np.full(len(truth.counts), np.inf)
    np.minimum.at(best, truth.query, ranking.ranks)
    chosen: dict[int, int] = {}
    for query in np.argsort(-best, kind="stable").tolist():
        if best[query] > 1 and len(chosen) < MOST:
            chosen.setdefault(clusters[query], query)
    return list(chosen.values())


def described(
    query: int,
    text: str,
    truth: Truth,
    ranking: Ranking,
    legs: LegScores,
    names: Sequence[str],
    stored: Sequence[str],
) -> Miss:
    """``legs`` has one row, that of the query."""
    pairs = truth.of_queries(query, query + 1)
    ranks = ranking.ranks[pairs]
    place, rank = int(truth.place[pairs][ranks.argmin()]), float(ranks.min())
    first = int(ranking.first[query])

    def seen(place: int, rank: float) -> Seen:
        at = int(rank) if np.isfinite(rank) else None
        return Seen(names[place], stored[place], at, _legs(legs, place))

    relevance = None if ranking.relevance is None else round(float(ranking.relevance[query]), DIGITS)
    return Miss(text, seen(place, rank), seen(first, 1) if first >= 0 else None, relevance)


def _legs(legs: LegScores, place: int) -> dict[Leg, float]:
    values: dict[Leg, NDArray[np.float64]] = {leg: getattr(legs, leg)[0, place] for leg in LEGS}
    return {leg: round(float(value), DIGITS) for leg, value in values.items() if not np.isnan(value)}
