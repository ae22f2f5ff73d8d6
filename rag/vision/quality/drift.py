"""Are newer vectors like older ones? The kernel two-sample test.

Gretton et al. 2012, “A Kernel Two-Sample Test”: the squared maximum mean discrepancy, without bias (lemma 6),
with a Gaussian kernel as wide as the median distance. The p-value is that of permutations, which holds for
any size.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rag.types import Matrix
from rag.vision.quality.geometry import Floats, cosines

PERMUTATIONS: Final = 999


def discrepancy(newer: Matrix, older: Matrix, seed: int = 0) -> tuple[float, float]:
    """The squared discrepancy (about 0 where there is none, it may be below), and its p-value in (0, 1]."""
    kernel = _kernel(np.concatenate([newer, older]))
    first = np.zeros((len(kernel), PERMUTATIONS + 1))
    first[: len(newer), 0] = 1
    rng = np.random.default_rng(seed)
    for column in range(1, PERMUTATIONS + 1):
        first[rng.permutation(len(kernel))[: len(newer)], column] = 1
    found = _squared(kernel, first)
    return float(found[0]), float((found >= found[0] - 1e-12).mean())


def _kernel(vectors: Matrix) -> Floats:
    """Of all pairs; of a vector with itself 0, since the estimate leaves those out."""
    squared = 2 - 2 * cosines(vectors, vectors)
    width = float(np.median(squared[np.triu_indices(len(squared), 1)]))
    kernel = np.exp(-squared / max(width, 1e-12))
    np.fill_diagonal(kernel, 0.0)
    return np.asarray(kernel)


def _squared(kernel: Floats, first: Floats) -> Floats:
    """For each column of ``first``, which holds 1 for the vectors of one side."""
    m, n = first[:, 0].sum(), len(kernel) - first[:, 0].sum()
    to_first = kernel @ first
    within = (first * to_first).sum(axis=0)
    across = to_first.sum(axis=0) - within
    others = kernel.sum() - within - 2 * across
    return np.asarray(within / (m * (m - 1)) + others / (n * (n - 1)) - 2 * across / (m * n))
