"""Whether pictures show what a question names, told by the classes that both are nearest to.

A cosine says how near a picture is to a question, not whether it is nearer to something else: a picture of a
walrus is near to “seal”. Here both are turned into probabilities of the 1,000 classes, which compete, and
what is kept is how likely both are the same class. It works on stored vectors alone.
"""

from __future__ import annotations

import numpy as np

from rag.types import Matrix

TEXT_SHARPNESS, PICTURE_SHARPNESS = 20.0, 14.0
"""From a cosine to the logit of a class. Pictures are softer: they often show something beside."""
LEAST, SURE = 0.7, 0.8
"""A text whose nearest class is nearer than ``SURE`` names it, below ``LEAST``, as for captions, none."""
FLOOR = 8.0
"""In log-odds: where “something else” is sure enough."""
SHOWN = 0.2
"""What a picture gets that shows what was named: it is surer than one that was asked for in other words."""


def named(queries: Matrix, images: Matrix, classes: Matrix) -> Matrix:
    """In [-.8, .2], shape (queries, images); see ``rag.protocols.Naming``.

    All are the ConSE halves of vectors, ``classes`` those of the classes, shape (1000, dim); unit rows.
    """
    asked = queries @ classes.T
    sure = np.clip((asked.max(axis=1) - LEAST) / (SURE - LEAST), 0, 1)
    result = np.zeros((len(queries), len(images)), np.float32)
    naming = np.flatnonzero(sure)
    if len(naming) and len(images):
        likely = _softmax(asked[naming], TEXT_SHARPNESS)
        shared = (
            likely @ _softmax(images @ classes.T, PICTURE_SHARPNESS).T / likely.max(axis=1, keepdims=True)
        )
        told = np.log(np.maximum(shared, np.exp(-FLOOR))) / FLOOR
        result[naming] = sure[naming, None] * (np.minimum(told, 0) + SHOWN)
    return result


def _softmax(cosines: Matrix, sharpness: float) -> Matrix:
    powers = np.exp(sharpness * (cosines - cosines.max(axis=1, keepdims=True)))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
