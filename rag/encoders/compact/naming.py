"""Whether pictures show what a question names, told by the classes that the image tower knows.

A cosine says how near a picture is to a question, not whether it is nearer to something else: a picture of a
walrus is near to “seal”. Here the question is turned into probabilities of the 1,000 classes, the picture's
vector back into those that it was mixed of, and what is kept is how likely both are the same class. It works
on stored vectors alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from rag.types import Matrix

SHARPNESS = 20.0
"""From the cosine of a text and a class to the logit of the class."""
RIDGE = 0.003
"""Keeps the least squares from making much of little; the classes' own squares sum up to 1,000."""
LEAST, SURE = 0.65, 0.75
"""A text whose nearest class is nearer than ``SURE`` names it, below ``LEAST``, as for captions, none."""
MARGIN = 0.1
"""How much nearer it has to be than to the word for a kind: “a cat” is a kind, and of no breed."""
FLOOR = 5.0
"""In log-odds: where “something else” is sure enough."""
BESIDE = 0.03
"""The chance of a class in what the likeliest class leaves: busy pictures show more than was recognised."""
SHOWN = 0.2
"""What a picture gets that shows what was named: it is surer than one that was asked for in other words."""


@dataclass(frozen=True, slots=True)
class Names:
    """What is known by name: vectors of the classes and of kinds of them, unit rows around the mean class.

    ``solving``, shape (classes, dim), takes a mix of class vectors to the least-squares shares of each;
    ``mean``, shape (dim,), is that of the classes, which a picture's vector has lost.
    """

    classes: Matrix
    kinds: Matrix
    solving: Matrix
    mean: Matrix

    @classmethod
    def of(cls, classes: Matrix, kinds: Matrix) -> Self:
        """From unit rows that are not centred, as mixes are made of them."""
        exact, mean = classes.astype(np.float64), classes.mean(axis=0)
        square = exact.T @ exact + RIDGE * np.eye(classes.shape[1])
        solving = np.asarray(np.linalg.solve(square, exact.T).T, np.float32)
        return cls(_unit(classes - mean), _unit(kinds - mean), solving, mean)

    def named(self, queries: Matrix, mixes: Matrix) -> Matrix:
        """In [-.8, .2], shape (queries, pictures); see ``rag.protocols.Naming``.

        ``queries`` are centred unit rows, ``mixes`` what pictures were mixed to, of any length.
        """
        asked = queries @ self.classes.T
        sure = self._sure(queries, asked.max(axis=1))
        result = np.zeros((len(queries), len(mixes)), np.float32)
        naming = np.flatnonzero(sure)
        if len(naming) and len(mixes):
            told = np.log(_shared(_softmax(asked[naming]), self.shares(mixes))) / FLOOR
            result[naming] = sure[naming, None] * (told + SHOWN)
        return result

    def shares(self, mixes: Matrix) -> Matrix:
        """How likely each class is in each picture, shape (pictures, classes).

        Least squares give every class a little; third powers leave what stands out.
        """
        found = np.maximum(mixes @ self.solving.T, 0)
        powers = found * found * found
        return np.asarray(powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-12), np.float32)

    def _sure(self, queries: Matrix, nearest: Matrix) -> Matrix:
        """How sure it is that a class is named, in [0, 1]."""
        kind = (queries @ self.kinds.T).max(axis=1)
        sure = np.clip((nearest - LEAST) / (SURE - LEAST), 0, 1) * np.clip((nearest - kind) / MARGIN, 0, 1)
        return np.asarray(sure, np.float32)


def _shared(likely: Matrix, shares: Matrix) -> Matrix:
    """How likely texts and pictures are of the same class, in (0, 1], where 1 is as sure as the text is."""
    same = likely @ shares.T / likely.max(axis=1, keepdims=True)
    return np.asarray(np.minimum(same + np.exp(-FLOOR) + BESIDE * (1 - shares.max(axis=1)), 1), np.float32)


def _softmax(cosines: Matrix) -> Matrix:
    powers = np.exp(SHARPNESS * (cosines - cosines.max(axis=1, keepdims=True)))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
