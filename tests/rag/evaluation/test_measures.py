"""The measures of rankings worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rag.evaluation.measures import Tally


def means(rankings: list[list[int]], relevant: list[tuple[int, ...]]) -> dict[str, float]:
    tally = Tally()
    tally.add([np.array(ranking, np.intp) for ranking in rankings], relevant)
    return dict(tally.means())


def test_a_photo_in_third_place() -> None:
    expected = {"recall@1": 0, "recall@5": 1, "recall@10": 1, "mrr": 1 / 3, "ndcg@10": 1 / math.log2(4)}
    assert means([[7, 8, 9, 10]], [(9,)]) == pytest.approx(expected, abs=1e-6)


def test_a_photo_in_seventh_place() -> None:
    expected = {"recall@1": 0, "recall@5": 0, "recall@10": 1, "mrr": 1 / 7, "ndcg@10": 1 / math.log2(8)}
    assert means([list(range(20))], [(6,)]) == pytest.approx(expected, abs=1e-6)


def test_recall_is_the_share_of_the_right_photos() -> None:
    found = means([[1, 5, 2, 6, 7, 8]], [(1, 2, 9, 11)])
    assert (found["recall@1"], found["recall@5"], found["mrr"]) == (0.25, 0.5, 1)
    ideal = sum(1 / math.log2(rank + 1) for rank in (1, 2, 3, 4))
    assert found["ndcg@10"] == pytest.approx((1 + 1 / math.log2(4)) / ideal, abs=1e-6)


def test_what_is_not_found_counts_as_zero_and_parts_add_up() -> None:
    tally = Tally()
    tally.add([np.array([], np.intp), np.array([3], np.intp)], [(0,), (4,)])
    tally.add([np.array([0], np.intp), np.array([1, 0], np.intp)], [(0,), (0,)])
    assert tally.means()["recall@1"] == 0.25
    assert tally.means()["mrr"] == pytest.approx((1 + 0.5) / 4)
