"""Vectors as they come from a model, brought to length 1."""

from __future__ import annotations

import numpy as np

from rag.errors import InvalidInput
from rag.types import Matrix


def normalised(rows: Matrix, model: str) -> Matrix:
    """Rows of length 1: half precision leaves norms a few thousandths off.

    Raises InvalidInput, naming the model, for a row that is zero or not finite.
    """
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise InvalidInput(f"{model} gave a vector that is zero or not finite; choose another model")
    return np.asarray(rows / norms, np.float32)
