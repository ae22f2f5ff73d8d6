"""Each figure beside another way to it: scipy's, scikit-learn's, or one of a few lines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from rag.types import Matrix
from rag.vision.quality.geometry import alignment, cosines, mean_distance, modality_gap, uniformity


def units(count: int, dimension: int, seed: int = 0) -> Matrix:
    """Vectors that lie evenly on their sphere."""
    drawn = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


ONE, OTHER = units(80, 12), units(80, 12, seed=1)


def test_the_mean_distance_is_that_of_all_pairs() -> None:
    assert mean_distance(cosines(ONE, ONE)) == pytest.approx(pdist(ONE, "cosine").mean(), abs=1e-6)


def test_uniformity_is_the_papers() -> None:
    expected = np.log(np.exp(-2 * pdist(ONE) ** 2).mean())
    assert uniformity(cosines(ONE, ONE)) == pytest.approx(expected, abs=1e-6)


def test_vectors_in_one_corner_are_less_uniform() -> None:
    corner = units(80, 12) + 3
    corner /= np.linalg.norm(corner, axis=1, keepdims=True)
    assert uniformity(cosines(corner, corner)) > uniformity(cosines(ONE, ONE)) + 1


def test_alignment_and_gap_are_those_of_pairs_and_of_means() -> None:
    assert alignment(ONE, OTHER) == pytest.approx(np.diag(cdist(ONE, OTHER) ** 2).mean(), abs=1e-5)
    assert alignment(ONE, ONE) == 0
    means = [ONE.mean(axis=0)], [OTHER.mean(axis=0)]
    assert modality_gap(ONE, OTHER) == pytest.approx(cdist(*means)[0, 0], abs=1e-6)
