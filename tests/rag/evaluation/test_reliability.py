"""Calibration worked out by hand, and the area beside that of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rag.evaluation.reliability import auroc, reliability


def test_what_says_the_truth_has_no_error() -> None:
    told = reliability(np.full(10, 0.7), np.array([True] * 7 + [False] * 3))
    assert told.ece == pytest.approx(0, abs=1e-6)
    assert (told.first_hits, told.right, told.relevance) == (10, 0.7, 0.7)


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    told = reliability(np.array([0.95, 0.97, 0.1, 0.1]), np.array([True, False, False, False]))
    assert [(one.count, one.relevance, one.right) for one in told.bins] == [(2, 0.1, 0.0), (2, 0.96, 0.5)]
    assert told.ece == pytest.approx((0.1 + 0.46) / 2)


def test_bins_are_fifteen_of_equal_width_and_their_upper_end_is_theirs() -> None:
    told = reliability(np.array([0.0, 1 / 15, 1.0]), np.array([False, False, True]))
    assert [(one.low, one.high, one.count) for one in told.bins] == [
        (0, pytest.approx(1 / 15, abs=1e-6), 2),
        (pytest.approx(14 / 15, abs=1e-6), 1, 1),
    ]


def test_the_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    right = rng.random(300) < 0.6
    scores = np.asarray(np.round(rng.random(300) + 0.3 * right, 1), np.float64)  # with ties
    assert auroc(scores, right) == pytest.approx(roc_auc_score(right, scores), abs=1e-6)


def test_without_a_wrong_hit_there_is_no_area() -> None:
    assert auroc(np.array([0.1, 0.2]), np.array([True, True])) is None
