"""The measures of rankings worked out by hand, and beside those of ir_measures."""

from __future__ import annotations

import math

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, nDCG

from rag.evaluation.measures import CURVE, MEASURES, Truth, curve, per_query

THEIRS = dict(zip(MEASURES, (R @ 1, R @ 5, R @ 10, RR, nDCG @ 10), strict=True))


def means(ranks: list[list[float]]) -> dict[str, float]:
    """``ranks``: of the right photos of each query."""
    truth = Truth.of([range(len(each)) for each in ranks])
    values = per_query(truth, np.array([rank for each in ranks for rank in each], np.float64))
    return dict(zip(MEASURES, values.mean(axis=0).tolist(), strict=True))


def test_a_photo_in_third_place() -> None:
    expected = {"recall@1": 0, "recall@5": 1, "recall@10": 1, "mrr": 1 / 3, "ndcg@10": 1 / math.log2(4)}
    assert means([[3]]) == pytest.approx(expected, abs=1e-6)


def test_a_photo_in_seventh_place() -> None:
    expected = {"recall@1": 0, "recall@5": 0, "recall@10": 1, "mrr": 1 / 7, "ndcg@10": 1 / math.log2(8)}
    assert means([[7]]) == pytest.approx(expected, abs=1e-6)


def test_recall_is_the_share_of_the_right_photos() -> None:
    found = means([[1, 3, math.inf, math.inf]])
    assert (found["recall@1"], found["recall@5"], found["mrr"]) == (0.25, 0.5, 1)
    ideal = sum(1 / math.log2(rank + 1) for rank in (1, 2, 3, 4))
    assert found["ndcg@10"] == pytest.approx((1 + 1 / math.log2(4)) / ideal, abs=1e-6)


def test_what_is_not_found_counts_as_zero() -> None:
    found = means([[math.inf], [math.inf], [1], [2]])
    assert found["recall@1"] == 0.25
    assert found["mrr"] == pytest.approx((1 + 0.5) / 4)


def test_beyond_rank_1000_a_photo_counts_as_not_found() -> None:
    assert means([[1000]])["mrr"] == 1 / 1000
    assert means([[1001]])["mrr"] == 0


def test_the_curve_is_recall_at_each_rank() -> None:
    truth = Truth.of([(0,), (1, 2)])
    found = dict(zip(CURVE, curve(truth, np.array([2.0, 1.0, 40.0])).tolist(), strict=True))
    assert (found[1], found[2], found[30], found[50]) == (0.25, 0.75, 0.75, 1)


def test_they_are_those_of_ir_measures() -> None:
    """For many rankings with several right items of different grades, some of them not found."""
    rng = np.random.default_rng(7)
    relevant = [sorted(rng.choice(40, rng.integers(1, 15), replace=False).tolist()) for _ in range(60)]
    grades = [rng.integers(1, 4, len(each)).tolist() for each in relevant]
    rankings = [rng.permutation(40)[: rng.integers(0, 41)].tolist() for _ in relevant]
    ranks = [
        [order.index(place) + 1 if place in order else math.inf for place in each]
        for each, order in zip(relevant, rankings, strict=True)
    ]
    truth = Truth.of(relevant, grades)
    ours = per_query(truth, np.array([rank for each in ranks for rank in each], np.float64))
    right = {
        str(q): {str(p): g for p, g in zip(relevant[q], grades[q], strict=True)} for q in range(len(relevant))
    }
    found = {str(q): {str(p): -float(i) for i, p in enumerate(order)} for q, order in enumerate(rankings)}
    for metric in ir_measures.iter_calc(THEIRS.values(), right, found):
        column = [name for name, measure in THEIRS.items() if measure == metric.measure]
        assert ours[int(metric.query_id), MEASURES.index(column[0])] == pytest.approx(metric.value, abs=1e-9)


def test_the_pairs_of_some_queries() -> None:
    truth = Truth.of([(0,), (1, 2), (3,)])
    assert truth.place[truth.of_queries(1, 3)].tolist() == [1, 2, 3]
