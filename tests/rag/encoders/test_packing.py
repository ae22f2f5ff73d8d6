"""Matrices in eight bits come back nearly as they were, and the same ever after."""

from __future__ import annotations

import numpy as np
import pytest

from rag.encoders.compact.packing import STEP, pack, unpack

RNG = np.random.default_rng(0)
ARRAYS = {
    "matrix": RNG.normal(size=(30, 50)).astype(np.float32)
    * RNG.uniform(1e-4, 50, (30, 1)).astype(np.float32),
    "row": RNG.normal(size=50).astype(np.float32),
    "number": np.asarray(0.3, np.float32),
    "nothing": np.zeros((2, 3), np.float32),
}


def test_each_number_comes_back_within_half_a_step() -> None:
    packed = pack(ARRAYS)
    assert packed["matrix"].dtype == np.int8
    found = unpack(packed)
    assert set(found) == set(ARRAYS)
    for name in ("row", "number", "nothing"):
        np.testing.assert_array_equal(found[name], ARRAYS[name])
    wrong = np.abs(found["matrix"] - ARRAYS["matrix"]) / packed["matrix" + STEP]
    assert wrong.max() < 0.6


def test_packed_again_they_are_the_same() -> None:
    packed = pack(ARRAYS)
    again = pack(unpack(packed))
    for name, array in packed.items():
        np.testing.assert_array_equal(again[name], array)


def test_a_matrix_without_its_steps_is_refused() -> None:
    packed = pack(ARRAYS)
    del packed["matrix" + STEP]
    with pytest.raises(KeyError, match="step"):
        unpack(packed)
