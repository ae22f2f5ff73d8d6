"""Vectors without what tells groups apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from rag.errors import InvalidInput
from rag.types import Matrix
from rag.vision.fairness.measures import Groups


@dataclass(frozen=True, slots=True)
class Projection:
    """Takes the directions ``basis``, shape (directions, dim), orthonormal, out of vectors.

    Bolukbasi et al. 2016, “Man is to Computer Programmer as Woman is to Homemaker?”, section 6 (neutralise);
    the directions are those in which the means of the groups differ.
    """

    basis: Matrix

    @classmethod
    def of(cls, vectors: Matrix, groups: Groups) -> Self:
        """Of the groups of some vectors: one direction fewer than there are groups, at most."""
        means = np.stack([vectors[groups == g].mean(axis=0) for g in np.unique(groups)]).astype(np.float64)
        _, sizes, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
        return cls(np.asarray(directions[sizes > 1e-6 * max(1.0, sizes.max())], np.float32))

    def __call__(self, vectors: Matrix) -> Matrix:
        """The vectors of pictures, or of texts that look for them, without those directions; of length 1."""
        left = vectors - (vectors @ self.basis.T) @ self.basis
        return np.asarray(left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-9), np.float32)

    def save(self, path: Path) -> None:
        """Write the directions as a NumPy file."""
        with path.open("wb") as file:
            np.save(file, self.basis, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises InvalidInput for what is no such file."""
        try:
            basis = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path} holds no projection: {error}") from None
        if basis.ndim != 2 or not np.isfinite(basis).all():
            raise InvalidInput(f"{path} holds no projection, but an array of shape {basis.shape}")
        return cls(np.asarray(basis, np.float32))
