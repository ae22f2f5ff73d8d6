"""Which photos are trained on, and which are held back to choose the best epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput


def held_back(
    count: int, share: float, seed: int, *, source: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the training and of the validation photos, each rising; at least one of each.

    They are drawn by the seed, so that every method holds the same photos of a data set back. Raises
    InvalidInput, naming ``source``, when there are fewer than two photos.
    """
    if count < 2:
        raise InvalidInput(f"{source} has one usable photo; contrastive training needs two or more")
    held = min(count - 1, max(1, round(share * count)))
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])
