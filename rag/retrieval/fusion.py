"""Fuse the scores of the legs into one calibrated log-odds."""

from __future__ import annotations

import math

from rag.types import Calibration, Legs, LegWeights


def log_odds(legs: Legs, calibration: Calibration, *, image_query: bool = False) -> float:
    """Log-odds that an item with these scores answers the query; ``-inf`` when it has no score at all.

    A leg that an item lacks is missing, not zero: other weights apply, fitted for that case.
    """
    if image_query:
        return -math.inf if legs.image is None else _linear(legs, calibration.image_query)
    if legs.image is not None and legs.caption is not None:
        return _linear(legs, calibration.full)
    if legs.image is not None:
        return _linear(legs, calibration.image_only)
    if legs.caption is not None or legs.bm25 is not None:
        return _linear(legs, calibration.text_only)
    return -math.inf


def probability(value: float) -> float:
    """The logistic function, in [0, 1]."""
    if value < 0:
        odds = math.exp(value) if value > -700 else 0.0
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + math.exp(-value))


def _linear(legs: Legs, weights: LegWeights) -> float:
    return (
        weights.bias
        + weights.image * (legs.image or 0.0)
        + weights.caption * (legs.caption or 0.0)
        + weights.bm25 * (legs.bm25 or 0.0)
    )
