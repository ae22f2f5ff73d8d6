"""A learned classifier as the zero-shot one: the same results from stored weights."""

from __future__ import annotations

import numpy as np

from rag.types import Matrix
from rag.vision.few_shot.learned import Learned
from rag.vision.zero_shot.classifier import Classified, ranked
from rag.vision.zero_shot.odds import logistic, softmax


class LearnedClassifier:
    """``multi``: each label for itself; else one of them, and with ``none`` perhaps none of these.

    None has the log-odds 0, where a label for itself is as likely as not.
    """

    def __init__(self, learned: Learned, *, multi: bool = False, none: bool = True) -> None:
        self._learned = learned
        self._multi = multi
        self._none = none and not multi

    def classify(self, images: Matrix) -> list[Classified]:
        """Of vectors of pictures, shape (n, dim), unit rows."""
        if len(images) == 0:
            return []
        logits = self._learned.logits(images)
        if self._none:
            logits = np.concatenate([logits, np.zeros((len(logits), 1))], axis=1)
        found = logistic(logits) if self._multi else softmax(logits)
        return [ranked(self._learned.labels, row) for row in found]
