"""What rankings are worth: measures with intervals, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.measures import CURVE, MEASURES, Floats, Truth, curve, per_query
from rag.evaluation.rankings import Ranking, RankingKind
from rag.evaluation.reliability import Reliability, reliability
from rag.evaluation.resampling import holm, intervals, paired_p

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judged:
    """``recall_at``: mean recall by rank. ``reliability`` is None where a ranking knows no relevance.

    ``notes``: what the ranker has to tell.
    """

    name: str
    kind: RankingKind
    measures: Mapping[str, Interval]
    recall_at: Mapping[int, float]
    reliability: Reliability | None
    notes: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much more of a measure a ranking has than ``base``.

    ``p``: of the difference being chance; ``p_holm``: the same, corrected for how many rankings are compared.
    """

    name: str
    base: str
    measure: str
    difference: Interval
    p: float
    p_holm: float


def judge(truth: Truth, clusters: Sequence[int], ranking: Ranking, seed: int) -> Judged:
    """The figures of one ranking."""
    values = per_query(truth, ranking.ranks)
    recall = zip(CURVE, curve(truth, ranking.ranks).tolist(), strict=True)
    return Judged(
        ranking.name,
        ranking.kind,
        dict(zip(MEASURES, _intervals(values, clusters, seed), strict=True)),
        {k: round(value, DIGITS) for k, value in recall},
        _reliability(truth, ranking),
        ranking.notes,
    )


def compare(
    truth: Truth, clusters: Sequence[int], base: Ranking, others: Sequence[Ranking], seed: int
) -> list[Comparison]:
    """Each of the others beside ``base``, for every measure; Holm's correction goes over the others."""
    if not others:
        return []
    before = per_query(truth, base.ranks)
    differences = [per_query(truth, other.ranks) - before for other in others]
    spans = [_intervals(each, clusters, seed) for each in differences]
    p = np.stack([paired_p(each, clusters, seed) for each in differences])
    found = []
    for m, measure in enumerate(MEASURES):
        corrected = holm(p[:, m].tolist())
        for i, other in enumerate(others):
            one = (round(float(p[i, m]), DIGITS), round(corrected[i], DIGITS))
            found.append(Comparison(other.name, base.name, measure, spans[i][m], *one))
    return found


def right_first(truth: Truth, ranking: Ranking) -> Floats:
    """1 for each query whose first item is right, else 0."""
    return np.bincount(truth.query, ranking.ranks == 1, len(truth.counts)).astype(np.float64)


def _reliability(truth: Truth, ranking: Ranking) -> Reliability | None:
    """Of the queries for which something is found."""
    found = ranking.first >= 0
    if ranking.relevance is None or not found.any():
        return None
    return reliability(ranking.relevance[found], right_first(truth, ranking)[found] > 0)


def _intervals(values: Floats, clusters: Sequence[int], seed: int) -> list[Interval]:
    low, high = intervals(values, clusters, seed)
    columns = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Interval(*(round(number, DIGITS) for number in column)) for column in columns]
