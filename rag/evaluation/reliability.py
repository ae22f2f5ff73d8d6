"""Whether relevance is what it says: a probability that the first hit is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.measures import Floats

BINS: Final = 15
DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Bin:
    """First hits with a relevance in (``low``, ``high``]: how many, their mean relevance, the share right."""

    low: float
    high: float
    count: int
    relevance: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of the first hits of all queries.

    ``ece``: expected calibration error, in [0, 1], smaller is better. ``auroc``: how often a right first hit
    has a higher relevance than a wrong one; None when there are not both. ``bins`` with nothing in them are
    left out.
    """

    first_hits: int
    right: float
    relevance: float
    ece: float
    auroc: float | None
    bins: tuple[Bin, ...]


def reliability(relevance: Floats, right: NDArray[np.bool_]) -> Reliability:
    """``relevance`` in [0, 1] and whether each hit was right, both of shape (hits,), at least one.

    ECE with 15 bins of equal width: Naeini, Cooper and Hauskrecht 2015, as in Guo et al. 2017, equation 3.
    """
    # (low, high], and 0 belongs to the first bin.
    number = np.clip(np.ceil(relevance * BINS).astype(np.intp) - 1, 0, BINS - 1)
    bins = []
    for one in np.unique(number).tolist():
        inside = number == one
        bins.append(
            Bin(
                round(one / BINS, DIGITS),
                round((one + 1) / BINS, DIGITS),
                int(inside.sum()),
                round(float(relevance[inside].mean()), DIGITS),
                round(float(right[inside].mean()), DIGITS),
            )
        )
    ece = sum(each.count * abs(each.relevance - each.right) for each in bins) / len(relevance)
    return Reliability(
        len(relevance),
        round(float(right.mean()), DIGITS),
        round(float(relevance.mean()), DIGITS),
        round(ece, DIGITS),
        auroc(relevance, right),
        tuple(bins),
    )


def auroc(scores: Floats, right: NDArray[np.bool_]) -> float | None:
    """The area under the ROC curve, by ranks (Mann and Whitney 1947); ties count half."""
    positive = int(right.sum())
    negative = len(right) - positive
    if not positive or not negative:
        return None
    _, number, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[number]
    above = float(ranks[right].sum()) - positive * (positive + 1) / 2
    return round(above / (positive * negative), DIGITS)
