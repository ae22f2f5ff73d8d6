"""Fuse the scores of the legs into one number an item: for one query at a time, or for many.

Every way of fusing in ``FUSIONS`` takes the scores of all legs as matrices and gives a matrix of the same
shape; larger is better, ``-inf`` is an item without any score. A search has one row, an evaluation many: both
run the same code. Searches use ``CALIBRATED``, whose numbers are log-odds; the others are what it is compared
with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.types import Calibration, Legs, LegWeights

Scores: TypeAlias = NDArray[np.float64]
"""Shape (queries, items)."""

FIELDS: Final = ("image", "caption", "bm25", "agreement", "named")
"""What of ``Legs`` is fused."""
RRF_K: Final = 60
TEMPERATURES: Final = (0.05, 0.08, 0.25)
"""Of the softmax over the items, for image, caption and bm25; the first two chosen by recall on photos."""


@dataclass(frozen=True, slots=True)
class LegScores:
    """What each leg says of each item for each query, shape (queries, items); NaN where a leg is missing.

    The numbers are those of ``rag.types.Legs``.
    """

    image: Scores
    caption: Scores
    bm25: Scores
    agreement: Scores | None = None
    named: Scores | None = None

    @classmethod
    def of(cls, legs: Sequence[Legs]) -> Self:
        """The items of one query, as one row."""
        return cls(**{name: _row(getattr(one, name) for one in legs) for name in FIELDS})

    def each(self) -> tuple[Scores, Scores, Scores]:
        return self.image, self.caption, self.bm25

    def nothing(self) -> NDArray[np.bool_]:
        """Where an item has no score at all."""
        return np.isnan(self.image) & np.isnan(self.caption) & np.isnan(self.bm25)


class Fusion(Protocol):
    """A way to fuse. ``calibration`` is the encoder's; only fusions that were fitted look at it."""

    def __call__(self, legs: LegScores, calibration: Calibration, /) -> Scores: ...


def calibrated(legs: LegScores, calibration: Calibration) -> Scores:
    """Log-odds that an item answers the query, by the weights for what is known of the item.

    A leg that an item lacks is missing, not zero: other weights apply, fitted for that case.
    """
    image, text = ~np.isnan(legs.image), ~np.isnan(legs.caption)
    fused = _linear(legs, calibration.text_only)
    fused[image] = _linear(legs, calibration.image_only)[image]
    fused[image & text] = _linear(legs, calibration.full)[image & text]
    return _ranked(fused, legs)


def told(scores: Scores, calibration: Calibration) -> Scores:
    """The log-odds that relevance stands for, of what ``calibrated`` gives: any shape, same order."""
    lines = [bias + slope * np.asarray(scores) for bias, slope in calibration.lines]
    return np.asarray(np.min(lines, axis=0))


def relevance_of(scores: Scores, calibration: Calibration) -> Scores:
    """In [0, 1], of what ``calibrated`` gives; see ``told``."""
    return np.asarray(1 / (1 + np.exp(-np.clip(told(scores, calibration), -700, 700))))


def z_scores(legs: LegScores, _: Calibration) -> Scores:
    """The sum over the legs of how many standard deviations an item lies above the mean of the query's items.

    A missing leg counts as the mean.
    """
    return _ranked(
        sum((_present(_standardised(leg)) for leg in legs.each()), np.zeros(legs.image.shape)), legs
    )


def softmax_product(legs: LegScores, _: Calibration) -> Scores:
    """The sum over the legs of the log of a softmax over the items that have it; the others get its mean."""
    total = np.zeros(legs.image.shape)
    for leg, temperature in zip(legs.each(), TEMPERATURES, strict=True):
        there = ~np.isnan(leg)
        scaled = np.where(there, leg / temperature, -np.inf)
        top = np.max(scaled, axis=1, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0.0)
        mass = np.log(np.maximum(np.exp(scaled - top).sum(axis=1, keepdims=True), 1e-300)) + top
        uniform = -np.log(np.maximum(there.sum(axis=1, keepdims=True), 1))
        total += np.where(there, scaled - mass, uniform)
    return _ranked(total, legs)


def reciprocal_ranks(legs: LegScores, _: Calibration) -> Scores:
    """Cormack, Clarke and Büttcher 2009, “Reciprocal Rank Fusion outperforms Condorcet”: Σ 1 / (60 + rank).

    BM25 does not find what holds none of the words.
    """
    words = np.where(legs.bm25 > 0, legs.bm25, np.nan)
    return _ranked(
        sum((_reciprocal(leg) for leg in (legs.image, legs.caption, words)), np.zeros(words.shape)), legs
    )


def average(legs: LegScores, _: Calibration) -> Scores:
    """The plain mean of the cosines that there are, without BM25 unless there is nothing else."""
    cosines = np.stack([legs.image, legs.caption])
    count = (~np.isnan(cosines)).sum(axis=0)
    mean = np.nansum(cosines, axis=0) / np.maximum(count, 1)
    return _ranked(np.where(count > 0, mean, legs.bm25), legs)


CALIBRATED: Final = "calibrated"
FUSIONS: Final[Mapping[str, Fusion]] = MappingProxyType(
    {
        CALIBRATED: calibrated,
        "z-scores": z_scores,
        "softmax": softmax_product,
        "rrf": reciprocal_ranks,
        "average": average,
    }
)
"""By the names that ``olhar eval`` takes."""


def log_odds(legs: Legs, calibration: Calibration, *, image_query: bool = False) -> float:
    """Log-odds that an item with these scores answers the query; ``-inf`` when it has no score at all."""
    if image_query:
        return float(image_query_log_odds(_row([legs.image]), calibration)[0, 0])
    return float(told(calibrated(LegScores.of([legs]), calibration), calibration)[0, 0])


def image_query_log_odds(cosines: Scores, calibration: Calibration) -> Scores:
    """As ``calibrated``, for a query that is a picture: its cosines to pictures, NaN where there is none."""
    weights = calibration.image_query
    return np.where(np.isnan(cosines), -np.inf, weights.bias + weights.image * cosines)


def probability(value: float) -> float:
    """The logistic function, in [0, 1]."""
    if value < 0:
        odds = math.exp(value) if value > -700 else 0.0
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + math.exp(-value))


def _row(values: Iterable[float | None]) -> Scores:
    return np.array([[np.nan if value is None else value for value in values]], np.float64)


def _ranked(fused: Scores, legs: LegScores) -> Scores:
    return np.where(legs.nothing(), -np.inf, fused)


def _linear(legs: LegScores, weights: LegWeights) -> Scores:
    return (
        weights.bias
        + weights.image * _present(legs.image)
        + weights.caption * _present(legs.caption)
        + weights.bm25 * _present(legs.bm25)
        + (0.0 if legs.agreement is None else weights.agreement * _present(legs.agreement))
        + (0.0 if legs.named is None else weights.named * _present(legs.named))
    )


def _present(leg: Scores) -> Scores:
    return np.where(np.isnan(leg), 0.0, leg)


def _standardised(leg: Scores) -> Scores:
    count = np.maximum((~np.isnan(leg)).sum(axis=1, keepdims=True), 1)
    off = leg - np.nansum(leg, axis=1, keepdims=True) / count
    spread = np.sqrt(np.nansum(off**2, axis=1, keepdims=True) / count)
    return np.asarray(off / np.maximum(spread, 1e-9))


def _reciprocal(leg: Scores) -> Scores:
    """1 / (60 + rank), 0 where the leg is missing; equal scores in order of the items."""
    order = np.argsort(np.where(np.isnan(leg), np.inf, -leg), axis=1, kind="stable")
    places = np.broadcast_to(np.arange(1, leg.shape[1] + 1), leg.shape)
    ranks = np.empty(leg.shape)
    np.put_along_axis(ranks, order, places, axis=1)
    return np.where(np.isnan(leg), 0.0, 1 / (RRF_K + ranks))
