from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.neighbors import NearestNeighbors

from rag.types import Matrix
from rag.vision.quality.geometry import cosines
from rag.vision.quality.neighbours import apart, intrinsic_dimension, nearest, occurrences, skewness
from tests.rag.vision.quality.test_geometry import units

VECTORS = units(150, 8)
LIKENESS = cosines(VECTORS, VECTORS)


def test_the_nearest_are_those_of_scikit_learn() -> None:
    found = NearestNeighbors(n_neighbors=5).fit(VECTORS).kneighbors(return_distance=False)
    np.testing.assert_array_equal(nearest(LIKENESS, 5), found)


def test_hubness_is_the_skewness_of_how_often_each_is_found() -> None:
    counts = occurrences(nearest(LIKENESS, 10), len(VECTORS))
    assert counts.sum() == 10 * len(VECTORS)
    assert skewness(counts) == pytest.approx(skew(counts))
    assert skewness(np.full(5, 3)) == 0


def test_a_hub_is_found() -> None:
    """In many directions what lies in the middle is near to all."""
    many = units(200, 200)
    middle = many.mean(axis=0, keepdims=True)
    with_hub = np.concatenate([many, middle / np.linalg.norm(middle)]).astype(np.float32)
    counts = occurrences(nearest(cosines(with_hub, with_hub), 10), 201)
    assert int(np.argmax(counts)) == 200
    assert skewness(counts) > 3


@pytest.mark.parametrize("dimension", [2, 5])
def test_as_many_directions_are_found_as_there_are(dimension: int) -> None:
    """A ball's surface, put into a space of many more dimensions."""
    flat = units(800, dimension + 1, seed=3)
    turned = flat @ units(dimension + 1, 40, seed=4)  # no rotation, but as many directions
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    found = intrinsic_dimension(cosines(turned, turned))
    assert found == pytest.approx(dimension, rel=0.15)
    assert found == pytest.approx(_two_nn(turned), rel=1e-3)


def test_copies_have_no_say_in_the_dimension() -> None:
    copied = np.concatenate([VECTORS, VECTORS])
    assert intrinsic_dimension(cosines(copied, copied)) is None


def test_who_lies_apart_is_told() -> None:
    near = units(60, 8) * 0.1 + np.eye(8)[0]
    alone = -np.eye(8)[:1]
    vectors = np.concatenate([near / np.linalg.norm(near, axis=1, keepdims=True), alone]).astype(np.float32)
    distances, scores = apart(cosines(vectors, vectors), 5)
    found, _ = NearestNeighbors(n_neighbors=5, metric="cosine").fit(vectors).kneighbors()
    np.testing.assert_allclose(distances, found.mean(axis=1), atol=1e-5)
    assert int(np.argmax(scores)) == 60
    assert scores[60] > 10


def _two_nn(vectors: Matrix) -> float:
    """The same fit by scikit-learn's neighbours and numpy's least squares."""
    found, _ = NearestNeighbors(n_neighbors=2).fit(vectors.astype(np.float64)).kneighbors()
    ratios = np.sort(np.log(found[:, 1] / found[:, 0]))
    kept = int(0.9 * len(ratios))
    share = -np.log(1 - np.arange(1, kept + 1) / len(ratios))
    return float(np.linalg.lstsq(ratios[:kept, None], share, rcond=None)[0][0])
