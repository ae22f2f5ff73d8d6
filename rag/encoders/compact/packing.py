"""Matrices in eight bits, for files of weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.types import Matrix

STEP = ".step"
MOST = 127
DIGITS = 2.0**11


def pack(arrays: Mapping[str, Matrix]) -> dict[str, NDArray[Any]]:
    """Each matrix as int8 with one step for each row, under its name and its name with ``STEP``; all else
    in single precision. Unpacked and packed again they are the same bytes.
    """
    packed: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.ndim == 2:
            step = _short(np.abs(array).max(axis=1, keepdims=True) / MOST)
            packed[name] = np.rint(array / np.where(step > 0, step, 1)).astype(np.int8)
            packed[name + STEP] = step
        else:
            packed[name] = array.astype(np.float32)
    return packed


def unpack(packed: Mapping[str, NDArray[Any]]) -> dict[str, Matrix]:
    """What ``pack`` was given, each number within half a step. Raises KeyError when a step is missing."""
    return {
        name: np.asarray(array * packed[name + STEP] if array.dtype == np.int8 else array, np.float32)
        for name, array in packed.items()
        if not name.endswith(STEP)
    }


def _short(steps: Matrix) -> Matrix:
    """Of few enough binary digits that ``MOST`` steps are exact: packing again finds the same ones."""
    fraction, exponent = np.frexp(steps)
    return np.asarray(np.ldexp(np.rint(fraction * DIGITS) / DIGITS, exponent), np.float32)
