"""Is a group nearer to one kind of words, or pictures, than to another?

Caliskan, Bryson and Narayanan 2017, “Semantics derived automatically from language corpora contain human-like
biases” (WEAT), and for pictures Steed and Caliskan 2021, “Image Representations Learned With Unsupervised
Pre-Training Contain Human-like Biases” (iEAT). Both count the same; only the vectors differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag.types import Matrix
from rag.vision.fairness.measures import Floats

Members = NDArray[np.bool_]


def leaning(targets: Matrix, first: Matrix, second: Matrix) -> Floats:
    """Of each target the mean cosine to the first attribute, less that to the second; shape (n,)."""
    doubles = targets.astype(np.float64)
    return np.asarray(
        (doubles @ first.T.astype(np.float64)).mean(axis=1)
        - (doubles @ second.T.astype(np.float64)).mean(axis=1)
    )


def effect(leanings: Floats, members: Members) -> float:
    """How much more the members lean to the first attribute than the others do, in standard deviations
    (n - 1) of all: d of the papers. 0 where all lean alike."""
    spread = leanings.std(ddof=1)
    return float((leanings[members].mean() - leanings[~members].mean()) / spread) if spread > 0 else 0.0
