"""How vectors lie on their sphere: spread, and how near pairs are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.types import Matrix

Floats = NDArray[np.float64]
TEMPERATURE: Final = 2.0
"""t of the uniformity, as in the paper."""


def cosines(one: Matrix, other: Matrix) -> Floats:
    """Of each of one to each of the other, shape (n, m), in [-1, 1]."""
    return np.clip(one.astype(np.float64) @ other.astype(np.float64).T, -1.0, 1.0)


def mean_distance(likeness: Floats) -> float:
    """Mean cosine distance of two different vectors, in [0, 2]; ``likeness``: their cosines, shape (n, n)."""
    n = len(likeness)
    return float(1 - (likeness.sum() - np.trace(likeness)) / (n * (n - 1)))


def uniformity(likeness: Floats) -> float:
    """log of the mean of exp(-t ‖x - y‖²) over all pairs: 0 where all are one, lower where they are spread.

    Wang and Isola 2020, “Understanding Contrastive Representation Learning through Alignment and Uniformity
    on the Hypersphere”, section 4.1.
    """
    above = likeness[np.triu_indices(len(likeness), 1)]
    return float(np.log(np.exp(-TEMPERATURE * (2 - 2 * above)).mean()))


def alignment(one: Matrix, other: Matrix) -> float:
    """Mean squared distance of vectors that belong together, row by row, in [0, 4] (Wang and Isola 2020)."""
    return float(np.square(one.astype(np.float64) - other.astype(np.float64)).sum(axis=1).mean())


def modality_gap(one: Matrix, other: Matrix) -> float:
    """Distance between the means of two kinds of vectors, in [0, 2].

    Liang et al. 2022, “Mind the Gap”, section 3.1.
    """
    difference = one.astype(np.float64).mean(axis=0) - other.astype(np.float64).mean(axis=0)
    return float(np.linalg.norm(difference))
