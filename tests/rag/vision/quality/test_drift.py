from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel

from rag.types import Matrix
from rag.vision.quality.drift import discrepancy
from tests.rag.vision.quality.test_geometry import units


def test_the_discrepancy_is_the_unbiased_one() -> None:
    one, other = units(30, 6), units(20, 6, seed=1)
    both = np.concatenate([one, other]).astype(np.float64)
    squared = cdist(both, both) ** 2
    gamma = 1 / np.median(squared[np.triu_indices(50, 1)])
    within, beyond, across = (
        rbf_kernel(one, one, gamma),
        rbf_kernel(other, other, gamma),
        rbf_kernel(one, other, gamma),
    )
    expected = (within.sum() - 30) / (30 * 29) + (beyond.sum() - 20) / (20 * 19) - 2 * across.mean()
    assert discrepancy(one, other)[0] == pytest.approx(expected, abs=1e-5)


def test_more_of_the_same_is_no_drift_and_something_else_is() -> None:
    older = units(80, 6)
    assert discrepancy(units(40, 6, seed=5), older)[1] > 0.05
    assert discrepancy(_moved(units(40, 6, seed=5)), older)[1] == pytest.approx(0.001)


def test_p_is_even_where_there_is_nothing() -> None:
    """Of twenty draws from one distribution few have a small p."""
    found = [discrepancy(units(20, 4, seed=n), units(20, 4, seed=100 + n))[1] for n in range(20)]
    assert sum(p <= 0.1 for p in found) <= 5


def _moved(vectors: Matrix) -> Matrix:
    moved = vectors + 0.6
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)
