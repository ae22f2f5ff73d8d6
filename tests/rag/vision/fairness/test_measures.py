"""Each measure beside another way to it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import entropy, permutation_test

from rag.vision.fairness import chance
from rag.vision.fairness.association import effect, leaning
from rag.vision.fairness.measures import gap, max_skew, ndkl, skews
from tests.rag.vision.quality.test_geometry import units

RNG = np.random.default_rng(0)
RANKED = RNG.choice(3, (4, 30), p=[0.6, 0.3, 0.1])
TARGETS = np.array([0.5, 0.3, 0.2])


def test_skew_is_the_logarithm_of_share_over_target() -> None:
    for row, found in zip(RANKED, skews(RANKED, TARGETS, 10), strict=True):
        for group in range(3):
            share = list(row[:10]).count(group) / 10
            assert np.exp(found[group]) == pytest.approx(share / TARGETS[group])
    np.testing.assert_array_equal(max_skew(RANKED, TARGETS, 10), skews(RANKED, TARGETS, 10).max(axis=1))
    assert skews(np.zeros((1, 5), np.intp), TARGETS, 5)[0, 1] == -np.inf


def test_ndkl_is_that_of_the_definition() -> None:
    for row, found in zip(RANKED, ndkl(RANKED, TARGETS), strict=True):
        total = weights = 0.0
        for i in range(1, len(row) + 1):
            shares = [list(row[:i]).count(group) / i for group in range(3)]
            total += entropy(shares, TARGETS) / np.log2(i + 1)
            weights += 1 / np.log2(i + 1)
        assert found == pytest.approx(total / weights)


def test_an_even_list_is_nearly_0_and_one_of_a_single_group_is_not() -> None:
    even = np.tile([0, 1], 50)[None]
    targets = np.array([0.5, 0.5])
    assert max_skew(even, targets, 10) == pytest.approx(0)
    assert ndkl(even, targets)[0] < 0.15
    assert ndkl(np.zeros((1, 100), np.intp), targets)[0] == pytest.approx(np.log(2))


def test_the_effect_is_that_of_the_paper() -> None:
    targets, first, second = units(20, 6), units(5, 6, seed=1), units(7, 6, seed=2)
    members = np.arange(20) < 8
    leanings = [np.mean([w @ a for a in first]) - np.mean([w @ b for b in second]) for w in targets]
    expected = (np.mean(leanings[:8]) - np.mean(leanings[8:])) / np.std(leanings, ddof=1)
    np.testing.assert_allclose(leaning(targets, first, second), leanings, atol=1e-6)
    assert effect(leaning(targets, first, second), members) == pytest.approx(expected, abs=1e-5)


def test_the_p_of_an_effect_is_that_of_all_ways_to_part_them() -> None:
    leanings = np.array([1.0, 0.9, 0.7, 0.75, 0.2, 0.1, 0.3, 0.8])
    members = np.arange(8) < 4
    seen = abs(effect(leanings, members))
    all_ways = [np.isin(np.arange(8), chosen) for chosen in itertools.combinations(range(8), 4)]
    exact = np.mean([abs(effect(leanings, one)) >= seen - 1e-12 for one in all_ways])
    found = chance.of_effect(leanings, members, np.random.default_rng(0))
    assert found.p == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("right", [(32, 15), (30, 20)])
def test_the_p_of_a_gap_is_scipys_and_its_interval_holds_it(right: tuple[int, int]) -> None:
    """A clear one, and one that chance often gives."""
    values = np.concatenate([np.arange(40) < right[0], np.arange(30) < right[1]]).astype(np.float64)
    groups = np.repeat([0, 1], [40, 30])
    found = chance.of_gap(values, groups, 2, np.random.default_rng(0))
    expected = permutation_test(
        (values[:40], values[40:]),
        lambda x, y: abs(x.mean() - y.mean()),
        n_resamples=999,
        alternative="greater",
        rng=np.random.default_rng(1),
    )
    assert found.value == pytest.approx(gap(values, groups, 2), abs=1e-4)
    assert found.p == pytest.approx(expected.pvalue, abs=0.03)
    assert found.low < found.value < found.high


def test_where_groups_mean_nothing_p_is_even() -> None:
    rng = np.random.default_rng(3)
    drawn = [chance.of_gap(rng.random(40), rng.integers(0, 2, 40), 2, rng).p for _ in range(12)]
    assert sum(p <= 0.1 for p in drawn) <= 4
