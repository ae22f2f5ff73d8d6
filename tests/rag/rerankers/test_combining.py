from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.rerankers.combining import LEAST, log_odds, reordered
from rag.types import RerankWeights
from tests.rag.rerankers.conftest import found

CHANCES = st.floats(0, 1)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[float], dict[int, float]]:
    fusion = sorted(draw(st.lists(st.floats(-8, 8), min_size=1, max_size=8)), reverse=True)
    places = draw(st.sets(st.integers(0, len(fusion) - 1)))
    return fusion, {place: draw(CHANCES) for place in places}


@given(cases())
def test_hits_that_were_not_read_keep_place_and_relevance(case: tuple[list[float], dict[int, float]]) -> None:
    fusion, scores = case
    hits = [one.hit for one in found(*["a"] * len(fusion), scores=fusion)]
    order = reordered(hits, scores, RerankWeights())
    assert sorted(hit.item.id for hit in order) == sorted(hit.item.id for hit in hits)
    assert [hit.rank for hit in order] == list(range(1, len(hits) + 1))
    for place, hit in enumerate(hits):
        if place not in scores:
            assert order[place] == hit
    read = [order[place] for place in sorted(scores)]
    assert [hit.score for hit in read] == sorted((hit.score for hit in read), reverse=True)
    for hit in read:
        assert hit.legs.rerank == scores[int(hit.item.id.removeprefix("item-"))]
        assert hit.relevance == pytest.approx(1 / (1 + math.exp(-hit.score)))


@given(st.floats(-8, 8), CHANCES)
def test_by_default_the_odds_are_the_geometric_mean_of_both(fusion: float, chance: float) -> None:
    (hit,) = reordered([found("a", scores=[fusion])[0].hit], {0: chance}, RerankWeights())
    held = min(max(chance, LEAST), 1 - LEAST)
    assert math.exp(hit.score) == pytest.approx(math.sqrt(math.exp(fusion) * held / (1 - held)), rel=1e-6)


@given(CHANCES, CHANCES, st.floats(-8, 8))
def test_a_likelier_hit_never_falls_behind(one: float, other: float, fusion: float) -> None:
    hits = [described.hit for described in found("a", "b", scores=[fusion, fusion])]
    first, second = reordered(hits, {0: min(one, other), 1: max(one, other)}, RerankWeights())
    assert (first.legs.rerank or 0) >= (second.legs.rerank or 0) - LEAST


def test_weights_that_were_fitted_are_used() -> None:
    weights = RerankWeights(bias=-1.0, fusion=0.2, rerank=0.9, fitted=True)
    (hit,) = reordered([found("a", scores=[2.0])[0].hit], {0: 0.8}, weights)
    assert hit.score == pytest.approx(-1 + 0.4 + 0.9 * math.log(4))


def test_no_model_is_surer_than_a_thousand_to_one() -> None:
    assert log_odds(0.0) == log_odds(LEAST) == pytest.approx(-log_odds(1.0))
