from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rag.errors import InvalidInput
from rag.rerankers.fitting import fit_weights
from rag.rerankers.opening import weights_of
from rag.settings import Settings
from rag.types import RerankWeights


def drawn(weights: RerankWeights, hits: int) -> tuple[list[float], list[float], list[bool]]:
    """Hits that are right as often as these weights say."""
    rng = np.random.default_rng(0)
    fusion, reranked = rng.normal(-1, 2, hits), rng.normal(0, 3, hits)
    odds = weights.bias + weights.fusion * fusion + weights.rerank * reranked
    right = rng.random(hits) < 1 / (1 + np.exp(-odds))
    return fusion.tolist(), (1 / (1 + np.exp(-reranked))).tolist(), right.tolist()


def test_the_weights_that_made_the_answers_are_found() -> None:
    truth = RerankWeights(-0.7, 0.9, 0.3)
    found = fit_weights(*drawn(truth, 20_000))
    assert found.fitted
    assert (found.bias, found.fusion, found.rerank) == pytest.approx(
        (truth.bias, truth.fusion, truth.rerank), abs=0.06
    )


def test_few_questions_change_little() -> None:
    found = fit_weights([1.0, -1.0], [0.1, 0.9], [True, False])
    assert found.fusion == pytest.approx(0.5, abs=0.25)
    assert found.rerank == pytest.approx(0.5, abs=0.35)


def test_a_reranker_that_is_mostly_wrong_gets_no_weight_and_never_turns_the_order_round() -> None:
    fusion, reranked, right = drawn(RerankWeights(0, 1.0, 0.8), 3_000)
    found = fit_weights(fusion, [1 - chance for chance in reranked], right)
    assert found.rerank == 0
    assert found.fusion > 0.4


@given(st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 1), st.booleans()), min_size=2, max_size=30))
def test_whatever_is_given_the_weights_are_finite_and_not_negative(
    rows: list[tuple[float, float, bool]],
) -> None:
    fusion, reranked, right = zip(*rows, strict=True)
    if len(set(right)) == 1:
        with pytest.raises(InvalidInput, match="some wrong"):
            fit_weights(fusion, reranked, right)
        return
    found = fit_weights(fusion, reranked, right)
    assert np.isfinite([found.bias, found.fusion, found.rerank]).all()
    assert found.fusion >= 0
    assert found.rerank >= 0


def test_the_setting_says_the_weights() -> None:
    assert weights_of("") == RerankWeights()
    assert weights_of("-0.7,0.9,0.3") == RerankWeights(-0.7, 0.9, 0.3, fitted=True)
    for wrong in ("1,2", "0,-1,1", "a,b,c"):
        with pytest.raises(ValidationError, match="rerank_weights"):
            Settings(rerank_weights=wrong)
