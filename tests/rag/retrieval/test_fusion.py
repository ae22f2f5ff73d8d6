"""Fusion: one number from the legs that are there, missing never counted as zero."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.models import ENCODERS
from rag.retrieval.calibration import STRAIGHT
from rag.retrieval.fusion import FUSIONS, LegScores, log_odds, probability, relevance_of, told
from rag.types import Legs

COMPACT = ENCODERS[0].calibration
cosines = st.floats(-1, 1)
shares = st.floats(0, 1)
legs = st.builds(Legs, st.none() | cosines, st.none() | cosines, st.none() | shares)


@given(cosines, cosines, shares, st.floats(0, 1))
def test_a_better_leg_never_lowers_the_score(image: float, caption: float, bm25: float, more: float) -> None:
    before = log_odds(Legs(image, caption, bm25), COMPACT)
    assert log_odds(Legs(image + more, caption, bm25), COMPACT) >= before
    assert log_odds(Legs(image, caption + more, bm25), COMPACT) >= before
    assert log_odds(Legs(image, caption, bm25 + more), COMPACT) >= before


@given(st.floats(-800, 800))
def test_a_probability_stays_in_bounds_and_is_symmetric(value: float) -> None:
    assert 0 <= probability(value) <= 1
    assert math.isclose(probability(value) + probability(-value), 1, abs_tol=1e-12)


def test_a_missing_leg_is_not_a_zero() -> None:
    assert log_odds(Legs(image=0.6), COMPACT) != log_odds(Legs(image=0.6, caption=0.0, bm25=0.0), COMPACT)


def test_an_item_without_any_score_is_never_found() -> None:
    assert log_odds(Legs(), COMPACT) == -math.inf
    assert log_odds(Legs(caption=0.9), COMPACT, image_query=True) == -math.inf


def test_an_item_known_by_its_pixels_alone_can_reach_the_threshold() -> None:
    assert probability(log_odds(Legs(image=0.8), COMPACT)) > 0.5
    assert probability(log_odds(Legs(image=0.2), COMPACT)) < 0.5


def test_what_is_told_is_the_least_line_and_keeps_the_order() -> None:
    bent = replace(COMPACT, lines=((1.0, 2.0), (0.2, 0.5)))
    scores = np.array([-np.inf, -3.0, -1.0, 0.0, 4.0])
    np.testing.assert_allclose(told(scores, bent), [-np.inf, -5.0, -1.0, 0.2, 2.2])
    assert relevance_of(scores, bent).tolist() == [
        pytest.approx(probability(value)) for value in told(scores, bent)
    ]
    legs = Legs(image=0.5, caption=0.6, bm25=0.5)
    assert log_odds(legs, bent) == told(np.array(log_odds(legs, replace(COMPACT, lines=STRAIGHT))), bent)


@pytest.mark.parametrize("name", FUSIONS)
@given(rows=st.lists(st.lists(legs, min_size=4, max_size=4), min_size=1, max_size=3))
def test_many_queries_at_once_are_fused_as_each_alone(name: str, rows: list[list[Legs]]) -> None:
    each = [LegScores.of(row) for row in rows]
    together = LegScores(
        *(np.concatenate(parts) for parts in zip(*(one.each() for one in each), strict=True))
    )
    alone = np.concatenate([FUSIONS[name](one, COMPACT) for one in each])
    np.testing.assert_allclose(FUSIONS[name](together, COMPACT), alone, atol=1e-9)
    for scores, row in zip(alone, rows, strict=True):
        assert [bool(np.isfinite(score)) for score in scores] == [one != Legs() for one in row]


@pytest.mark.parametrize("name", FUSIONS)
def test_what_is_best_on_every_leg_comes_first(name: str) -> None:
    found = LegScores.of([Legs(0.2, 0.3, 0.0), Legs(0.6, 0.8, 1.0), Legs(0.3, 0.1, 0.5), Legs(0.1)])
    assert FUSIONS[name](found, COMPACT)[0].argmax() == 1


def test_fusions_against_numbers_worked_out_by_hand() -> None:
    found = LegScores.of([Legs(0.5, 0.4, 0.5), Legs(0.3, 0.8, 0.0), Legs(0.1)])
    third = 1 / (60 + 3)
    first, second = 1 / 61, 1 / 62
    np.testing.assert_allclose(
        FUSIONS["rrf"](found, COMPACT)[0], [first + second + first, second + first, third]
    )
    np.testing.assert_allclose(FUSIONS["average"](found, COMPACT)[0], [0.45, 0.55, 0.1])
    spread = math.sqrt(0.08 / 3)
    np.testing.assert_allclose(
        FUSIONS["z-scores"](found, COMPACT)[0], [0.2 / spread, 0, -0.2 / spread], atol=1e-9
    )
