"""Vectors as places on a map."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from rag.types import Matrix
from rag.vision.quality.geometry import Floats

FEW: Final = 12
"""Below this many t-SNE has nothing to tell."""


def places(vectors: Matrix, seed: int = 0) -> Floats:
    """Shape (n, 2), in [0, 1]: what is near stays near (t-SNE, van der Maaten and Hinton 2008).

    Of few vectors the two principal components.
    """
    if len(vectors) < FEW:
        return _scaled(PCA(2, random_state=seed).fit_transform(vectors))
    perplexity = min(30.0, (len(vectors) - 1) / 4)
    return _scaled(TSNE(2, perplexity=perplexity, random_state=seed, init="pca").fit_transform(vectors))


def _scaled(found: Floats) -> Floats:
    low, high = found.min(axis=0), found.max(axis=0)
    return np.asarray((found - low) / np.maximum(high - low, 1e-9), np.float64)
