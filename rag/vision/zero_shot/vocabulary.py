"""Say what a picture looks like, from its vector alone.

Radford et al. 2021, “Learning Transferable Visual Models From Natural Language Supervision”, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rag.once import once
from rag.protocols import ImageEncoder
from rag.types import Label, Matrix

PROMPT = "a photo of a {}"


class ZeroShot:
    """A softmax over a vocabulary at the encoder's own temperature.

    ``keep`` may hold the vectors of the vocabulary over runs: it is given the function that makes them.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        vocabulary: Sequence[str],
        keep: Callable[[Callable[[], Matrix]], Matrix] = lambda make: make(),
    ) -> None:
        self._encoder = encoder
        self._vocabulary = tuple(vocabulary)
        self._keep = keep

    def label(self, images: Matrix, *, top: int = 3) -> list[tuple[Label, ...]]:
        """The ``top`` likeliest words of each image, best first; ``images`` has shape (n, dim)."""
        if len(images) == 0:
            return []
        logits = self._encoder.logit_scale * (images @ self._prompts.T)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return [
            tuple(Label(self._vocabulary[i], float(row[i])) for i in order)
            for row, order in zip(probabilities, best, strict=True)
        ]

    @once
    def _prompts(self) -> Matrix:
        prompts = [PROMPT.format(word) for word in self._vocabulary]
        return self._keep(lambda: self._encoder.encode_text_queries(prompts))
