"""What is learned of labels: one vector and one bias each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.types import Matrix


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights of shape (labels, dim) and biases of shape (labels,): log-odds of each label for itself.

    ``shares``, shape (labels,), in (0, 1): how common each is believed to be where pictures are sorted; the
    biases say so already. None where nobody knows: each label is then as likely as not beforehand.
    """

    labels: tuple[str, ...]
    weights: Matrix
    biases: NDArray[np.float32]
    shares: NDArray[np.float32] | None = None

    def logits(self, images: Matrix) -> NDArray[np.float64]:
        """Of vectors of pictures, shape (n, dim): shape (n, labels)."""
        return np.asarray(images @ self.weights.T + self.biases, np.float64)
