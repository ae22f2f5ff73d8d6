"""Fit the weights of fusion and reranker to questions whose right items are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput
from rag.rerankers.combining import log_odds
from rag.types import RerankWeights

Floats: TypeAlias = NDArray[np.float64]

DEFAULT = RerankWeights()
SPREAD = 0.2
"""Of the prior: so far a weight may go from its default before it costs half a nat."""
BIAS_SPREAD = 5.0
STEPS = 50


def fit_weights(fusion: Sequence[float], rerank: Sequence[float], right: Sequence[bool]) -> RerankWeights:
    """The likeliest weights of a logistic regression, with a normal prior around the default ones.

    For each hit that a reranker looked at: the log-odds of the fusion, the probability of the reranker in
    [0, 1], and whether the hit was right. A weight below 0, which would turn an order round, becomes 0.

    Raises InvalidInput when the hits are all right or all wrong.
    """
    if not (any(right) and not all(right)):
        raise InvalidInput("to fit weights, some hits have to be right and some wrong: ask other questions")
    inputs = np.stack([np.ones(len(right)), np.asarray(fusion, float), [log_odds(p) for p in rerank]], axis=1)
    before = np.array([DEFAULT.bias, DEFAULT.fusion, DEFAULT.rerank])
    held = before.copy()
    free = np.ones(3, bool)
    while True:
        weights = _likeliest(inputs[:, free], inputs[:, ~free] @ held[~free], right, before[free], free)
        below = np.zeros(3, bool)
        below[free] = weights < 0
        below[0] = False
        if not below.any():
            held[free] = weights
            bias, fused, reranked = held.tolist()
            return RerankWeights(bias, fused, reranked, fitted=True)
        held[below], free = 0.0, free & ~below


def _likeliest(inputs: Floats, fixed: Floats, right: Sequence[bool], before: Floats, free: Floats) -> Floats:
    """Newton's method on the log-posterior, which has one maximum."""
    precision = np.diag(1 / np.array([BIAS_SPREAD, SPREAD, SPREAD])[free] ** 2)
    weights = before.copy()
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights + fixed, -500, 500)))
        gradient = inputs.T @ (np.asarray(right, float) - chance) - precision @ (weights - before)
        second = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + precision
        step = np.linalg.solve(second, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return weights
