"""Ways to rank that are compared: a leg alone, fusions of the legs, and what others add to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.measures import Floats, Truth
from rag.evaluation.scoring import alone
from rag.evaluation.stopwatch import Stopwatch
from rag.retrieval.fusion import CALIBRATED, FUSIONS, LegScores, Scores, relevance_of
from rag.types import Calibration, Leg

RankingKind: TypeAlias = Literal["leg", "fusion", "reranked", "stored"]

MAX_CELLS: Final = 4_000_000
MAX_BLOCK: Final = 256
"""Queries ranked at a time: so many, or fewer where there are many items."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some queries that follow each other, with the scores of every item on the legs that take part."""

    start: int
    queries: Sequence[str]
    legs: LegScores


@dataclass(frozen=True, slots=True)
class Ranked:
    """``scores``: what items are ordered by, ``-inf`` for those not found. ``relevance``: that of each
    query's first item, shape (queries,); None where the ranking knows no probability."""

    scores: Scores
    relevance: Floats | None = None


class Ranker(Protocol):
    """Ranks all items for the queries of a block."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> RankingKind: ...

    def rank(self, block: Block) -> Ranked: ...

    def notes(self) -> Mapping[str, str | int]:
        """What there is to tell when all blocks are ranked."""


@dataclass(frozen=True, slots=True)
class OneLeg:
    """By the score of one leg."""

    name: Leg
    kind: RankingKind = "leg"

    def rank(self, block: Block) -> Ranked:
        return Ranked(alone(block.legs, self.name))

    def notes(self) -> Mapping[str, str | int]:
        return {}


@dataclass(frozen=True, slots=True)
class Fused:
    """By a fusion of ``rag.retrieval.fusion``; the log-odds of the calibrated one give a relevance."""

    name: str
    calibration: Calibration
    kind: RankingKind = "fusion"

    def rank(self, block: Block) -> Ranked:
        scores = FUSIONS[self.name](block.legs, self.calibration)
        if self.name != CALIBRATED:
            return Ranked(scores)
        return Ranked(scores, relevance_of(scores.max(axis=1), self.calibration))

    def notes(self) -> Mapping[str, str | int]:
        return {}


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What came of a ranker over all queries.

    ``ranks`` goes by the pairs of a ``Truth``; ``first`` is the place of each query's first item, -1 for
    none.
    """

    name: str
    kind: RankingKind
    ranks: Floats
    first: NDArray[np.intp]
    relevance: Floats | None
    notes: Mapping[str, str | int]


class Collector:
    """Runs one ranker over block after block."""

    def __init__(self, ranker: Ranker, truth: Truth, stopwatch: Stopwatch) -> None:
        self._ranker = ranker
        self._truth = truth
        self._stopwatch = stopwatch
        self._ranks: list[Floats] = []
        self._first: list[NDArray[np.intp]] = []
        self._relevance: list[Floats] = []

    def add(self, block: Block) -> None:
        size = len(block.queries)
        with self._stopwatch.timing(f"{self._ranker.kind} {self._ranker.name}", size):
            ranked = self._ranker.rank(block)
        pairs = self._truth.of_queries(block.start, block.start + size)
        rows, places = self._truth.query[pairs] - block.start, self._truth.place[pairs]
        ranks = positions(ranked.scores)
        self._ranks.append(ranks[rows, places])
        self._first.append(np.where(np.isfinite(ranks.min(axis=1)), ranks.argmin(axis=1), -1))
        if ranked.relevance is not None:
            self._relevance.append(ranked.relevance)

    def ranking(self) -> Ranking:
        return Ranking(
            self._ranker.name,
            self._ranker.kind,
            np.concatenate(self._ranks),
            np.concatenate(self._first),
            np.concatenate(self._relevance) if self._relevance else None,
            self._ranker.notes(),
        )


def positions(scores: Scores) -> Floats:
    """The rank of each item, 1 for the best, equal scores in order of the items; ``inf`` where not found."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape)
    np.put_along_axis(
        ranks, order, np.broadcast_to(np.arange(1.0, scores.shape[1] + 1), scores.shape), axis=1
    )
    return np.where(np.isfinite(scores), ranks, np.inf)


def blocks(queries: int, items: int) -> Iterable[slice]:
    """Which queries to rank at a time."""
    size = max(1, min(MAX_BLOCK, MAX_CELLS // max(1, items)))
    return (slice(start, min(start + size, queries)) for start in range(0, queries, size))
