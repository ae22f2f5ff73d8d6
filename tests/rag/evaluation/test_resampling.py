"""Intervals hold the truth as often as they say, and tests do not see what is not there."""

from __future__ import annotations

import numpy as np
import pytest

from rag.evaluation.resampling import holm, intervals, paired_p


def test_an_interval_is_that_of_the_textbook() -> None:
    """For many independent queries the bootstrap agrees with the normal distribution."""
    values = np.random.default_rng(1).random((900, 2))
    low, high = intervals(values, range(900), seed=0)
    error = 1.96 * values.std(axis=0) / 30
    assert low == pytest.approx(values.mean(axis=0) - error, abs=0.003)
    assert high == pytest.approx(values.mean(axis=0) + error, abs=0.003)


def test_captions_of_one_photo_are_not_independent() -> None:
    """Five captions that fare alike say no more than one."""
    photos = np.random.default_rng(1).random(200)
    low, high = intervals(np.repeat(photos, 5)[:, None], np.repeat(np.arange(200), 5).tolist(), seed=0)
    alone = intervals(photos[:, None], range(200), seed=0)
    as_if = intervals(np.repeat(photos, 5)[:, None], range(1000), seed=0)
    assert (low[0], high[0]) == pytest.approx((alone[0][0], alone[1][0]))
    assert high[0] - low[0] > 2 * (as_if[1][0] - as_if[0][0])


def test_clusters_may_differ_in_size() -> None:
    """Whatever is drawn, the mean is one over queries."""
    low, high = intervals(np.ones((7, 1)), [0, 0, 0, 0, 1, 2, 2], seed=0)
    assert (low[0], high[0]) == (1, 1)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).random((50, 1))
    assert intervals(values, range(50), seed=3)[0] == intervals(values, range(50), seed=3)[0]
    assert intervals(values, range(50), seed=3)[0] != intervals(values, range(50), seed=4)[0]


def test_p_of_few_photos_is_that_of_all_signs() -> None:
    """Three photos that all gain: of eight sign patterns two get as far."""
    assert paired_p(np.ones((3, 1)), range(3), seed=0)[0] == pytest.approx(2 / 8, abs=0.02)
    assert paired_p(np.ones((6, 1)), [0, 0, 1, 1, 2, 2], seed=0)[0] == pytest.approx(2 / 8, abs=0.02)


def test_p_of_no_difference_is_one_and_of_a_clear_one_small() -> None:
    assert paired_p(np.zeros((20, 1)), range(20), seed=0)[0] == 1
    assert paired_p(np.ones((40, 1)), range(40), seed=0)[0] == pytest.approx(1 / 10_001)


def test_where_chance_alone_is_at_work_one_test_in_twenty_fails() -> None:
    differences = np.random.default_rng(5).normal(size=(60, 400))
    p = paired_p(differences, range(60), seed=0)
    assert 0.025 < (p <= 0.05).mean() < 0.08


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
