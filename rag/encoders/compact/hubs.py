"""Pictures that are near to every question: how much of that is taken off their score.

In a space of many dimensions a few pictures are the nearest of far too many questions (Radovanović et al.
2010, “Hubs in Space”). How near a picture is to questions at large is known before anybody asks, from
questions that were kept with the weights; it is taken off by one more number at the end of each vector, so
that a plain cosine does it. The measure is the denominator of an inverted softmax (Smith et al. 2017,
arXiv 1702.03859, equation 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rag.types import Matrix

TEMPERATURE = 0.05
"""How near a question has to be to count."""
SHARE = 0.5
"""How much of the nearness is taken off. All of it would also take off what is right; chosen on photos held
back from training, as is the temperature."""
WIDTH = 3.0
"""The picture's number is multiplied by this, the text's divided: beside the others neither weighs much."""


@dataclass(frozen=True, slots=True)
class Hubs:
    """``asked`` (questions, dim), unit vectors of questions at large; ``usual``, how near to them a picture
    is in the mean.
    """

    asked: Matrix
    usual: float

    def nearness(self, pictures: Matrix) -> Matrix:
        """Of unit vectors (n, dim) to all questions: a soft maximum of the cosines, shape (n, 1)."""
        scaled = pictures @ self.asked.T / TEMPERATURE
        most = scaled.max(axis=1, keepdims=True)
        soft = most + np.log(np.exp(scaled - most).mean(axis=1, keepdims=True))
        return np.asarray(TEMPERATURE * soft, np.float32)

    def lowered(self, pictures: Matrix) -> Matrix:
        """Unit vectors, shape (n, dim + 1), of those of pictures."""
        return _longer(pictures, -SHARE * WIDTH * (self.nearness(pictures) - self.usual))

    def asking(self, texts: Matrix) -> Matrix:
        """Unit vectors, shape (n, dim + 1), of those of texts: all have the same last number."""
        return _longer(texts, np.full((len(texts), 1), 1 / WIDTH, np.float32))


def _longer(rows: Matrix, last: Matrix) -> Matrix:
    longer = np.concatenate([rows, last], axis=1)
    return np.asarray(longer / np.linalg.norm(longer, axis=1, keepdims=True), np.float32)
