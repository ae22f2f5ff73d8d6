"""Fusion: one number from the legs that are there, missing never counted as zero."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rag.models import ENCODERS
from rag.retrieval.fusion import log_odds, probability
from rag.types import Legs

COMPACT = ENCODERS[0].calibration
cosines = st.floats(-1, 1)
shares = st.floats(0, 1)


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
