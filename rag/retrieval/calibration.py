"""Fit weights to questions whose right items are known.

First the order: the weights under which the right items are likeliest among all (a conditional logit,
McFadden 1974), held near to those of before by a prior, so that few questions change little. Then the
probability: bias and slope under which the first hits are right as often as is said (Platt 1999, with his
smoothed targets).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.retrieval.fusion import LegScores, Scores, calibrated
from rag.types import Calibration

Floats: TypeAlias = NDArray[np.float64]

FULL: Final = ("image", "caption", "bm25", "agreement", "named")
ALONE: Final = ("image", "named")
STRAIGHT: Final = ((0.0, 1.0),)
"""The line of weights that are log-odds themselves."""
STEPS: Final = 50
LOOSENESS: Final = 0.5
"""How far a weight may go from that of before, as a share of it, before it costs half a nat."""


def fit_order(legs: LegScores, right: NDArray[np.intp], before: Calibration) -> Calibration:
    """The weights of items with a picture under which ``right``, an item for each query, is likeliest.

    Biases become relative: only what lies between the two cases means anything until ``fit_relevance``.
    """
    features = _features(legs)
    start = _weights(before)
    start = start * _scale(features @ start, right)
    spread = LOOSENESS * np.abs(start) + 1.0
    weights = start.copy()
    for _ in range(STEPS):
        chance = _softmax(features @ weights)
        mean = np.einsum("qi,qif->qf", chance, features)
        gradient = (features[np.arange(len(right)), right] - mean).sum(0) - (weights - start) / spread**2
        second = np.einsum("qi,qif,qig->fg", chance, features, features, optimize=True) - mean.T @ mean
        step = np.linalg.solve(second + np.diag(1 / spread**2), gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return _calibration(weights, before)


def fit_relevance(scores: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """(bias, slope ≥ 0) of the log-odds that a first hit is right, from its score. Both of shape (hits,)."""
    positive, negative = int(right.sum()), int((~right).sum())
    targets = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))
    centre, spread = float(scores.mean()), float(scores.std()) + 1e-9
    inputs = np.stack([np.ones(len(scores)), (scores - centre) / spread], axis=1)
    line = np.zeros(2)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-inputs @ line))
        second = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + 1e-6 * np.eye(2)
        line = line + np.linalg.solve(second, inputs.T @ (targets - chance))
    slope = max(float(line[1]) / spread, 1e-3)
    return float(line[0]) - slope * centre, slope


def rescaled(order: Calibration, bias: float, slope: float) -> Calibration:
    """``order`` with log-odds of ``bias`` + ``slope`` × score, for items with a picture."""
    full, alone = order.full, order.image_only
    return replace(
        order,
        full=replace(
            full, bias=bias + slope * full.bias, **{leg: slope * getattr(full, leg) for leg in FULL}
        ),
        image_only=replace(
            alone, bias=bias + slope * alone.bias, **{leg: slope * getattr(alone, leg) for leg in ALONE}
        ),
        fitted=True,
        lines=STRAIGHT,
    )


def first_hits(
    legs: LegScores, right: NDArray[np.intp], calibration: Calibration, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """The score of each query's first hit, and whether it is right; half of the right items are gone."""
    scores = calibrated(legs, calibration)
    gone = np.flatnonzero(rng.random(len(right)) < 0.5)
    scores[gone, right[gone]] = -np.inf
    return scores.max(axis=1), scores.argmax(axis=1) == right


def _features(legs: LegScores) -> Scores:
    """Shape (queries, items, features): those of ``FULL`` and a one for items with text, else ``ALONE``."""
    known = {name: np.nan_to_num(_given(legs, name)) for name in FULL}
    text = ~np.isnan(legs.caption)
    full = [np.where(text, known[name], 0.0) for name in FULL]
    alone = [np.where(text, 0.0, known[name]) for name in ALONE]
    return np.stack([*full, text.astype(np.float64), *alone], axis=-1)


def _given(legs: LegScores, name: str) -> Scores:
    found: Scores | None = getattr(legs, name)
    return np.zeros(legs.image.shape) if found is None else found


def _weights(calibration: Calibration) -> Floats:
    full, alone = calibration.full, calibration.image_only
    return np.array(
        [
            *(getattr(full, name) for name in FULL),
            full.bias - alone.bias,
            *(getattr(alone, name) for name in ALONE),
        ],
        np.float64,
    )


def _calibration(weights: Floats, before: Calibration) -> Calibration:
    full = dict(zip(FULL, weights[: len(FULL)].tolist(), strict=True))
    alone = dict(zip(ALONE, weights[len(FULL) + 1 :].tolist(), strict=True))
    for group in (full, alone):  # what is nearer is never worse; what many questions say, few may deny
        group.update({name: max(0.0, value) for name, value in group.items() if name != "agreement"})
    return replace(
        before,
        full=replace(before.full, bias=float(weights[len(FULL)]), **full),
        image_only=replace(before.image_only, bias=0.0, **alone),
    )


def _scale(scores: Scores, right: NDArray[np.intp]) -> float:
    """The factor of the scores under which the right items are likeliest, in (0, 20]."""
    best, factors = 1.0, np.geomspace(0.05, 20, 60)
    own = scores[np.arange(len(right)), right]
    best = max(factors, key=lambda factor: float((factor * own - _log_sum(factor * scores)).sum()))
    return float(best)


def _softmax(scores: Scores) -> Scores:
    return np.exp(scores - _log_sum(scores)[:, None])


def _log_sum(scores: Scores) -> Floats:
    top = scores.max(axis=1)
    return np.asarray(top + np.log(np.exp(scores - top[:, None]).sum(axis=1)))
