"""A label learned from a handful of examples, and from its words.

A linear probe (logistic regression of a label's examples against the others', Alain and Bengio 2016) beside
the words of the label, as Tip-Adapter mixes them (Zhang et al. 2022). Both are linear in the picture: what is
kept is one vector and one bias a label. Examples do not tell how common a label is; the pictures that are to
be sorted do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from rag.errors import InvalidInput
from rag.types import Matrix
from rag.vision.few_shot.learned import Learned
from rag.vision.zero_shot.odds import logistic

STRENGTH: Final = 10.0
"""Inverse of the regularisation (scikit-learn's ``C``), chosen on training photos with 5 and 10 examples."""
PRIOR: Final = 1.0
"""How much a label's words count beside its examples, both of length 1; chosen alike."""
LEAST: Final = 2
SEEN: Final = 50
"""Pictures from which on it can be told how common a label is."""
ENOUGH: Final = 5
"""Examples of a label from which on its share is looked for twice; chosen on training photos."""
MOST: Final = 10_000
"""Examples: of a label, and of all labels."""


def learn(
    examples: Mapping[str, Sequence[int]],
    images: Matrix,
    words: Matrix,
    *,
    prior: float = PRIOR,
    seen: Matrix | None = None,
) -> Learned:
    """``examples``: for each label the rows of ``images`` that show it; ``words``: its vector, unit rows,
    which count ``prior`` times as much as the examples. ``seen``: vectors of pictures like those that are to
    be sorted, not chosen by what they show; of fewer than ``SEEN`` nothing is learned.

    A picture may be an example of several labels; each label's others are its counter-examples. Raises
    InvalidInput for fewer than two labels, or a label with too few examples or no counter-example.
    """
    if len(examples) < 2:
        raise InvalidInput("a classifier needs examples of two labels or more: others are what one is not")
    used = np.unique([place for rows in examples.values() for place in rows])
    if len(used) > MOST:
        raise InvalidInput(f"{len(used)} examples; {MOST} are allowed")
    weights, biases = [], []
    with threadpool_limits(1):  # questions are answered meanwhile
        for label, vector in zip(examples, words, strict=True):
            there = np.isin(used, list(examples[label]))
            _check(label, there)
            weight, bias = _fitted(images[used], there, vector * np.float32(prior))
            weights.append(weight)
            biases.append(bias)
    learned = Learned(tuple(examples), np.asarray(weights, np.float32), np.asarray(biases, np.float32))
    if seen is None or len(seen) < SEEN:
        return learned
    return _as_common(learned, seen, np.array([len(set(rows)) for rows in examples.values()]))


def _as_common(learned: Learned, seen: Matrix, counts: NDArray[np.intp]) -> Learned:
    """With log-odds for how common each label is among ``seen``; ``counts`` are of its examples.

    The first steps, from even odds, of what Saerens, Latinne and Decaestecker 2002 do (“Adjusting the Outputs
    of a Classifier to New a Priori Probabilities: A Simple Procedure”): one, or two where there are examples
    enough. Further ones run away to 0 or 1 (docs/benchmarks.md).
    """
    logits, least = learned.logits(seen), 1 / len(seen)
    first = _share(logits, least)
    shares = np.where(counts >= ENOUGH, _share(logits + np.log(first / (1 - first)), least), first)
    biases = learned.biases + np.log(shares / (1 - shares))
    return replace(learned, biases=biases.astype(np.float32), shares=shares.astype(np.float32))


def _share(logits: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    return np.asarray(np.clip(logistic(logits).mean(axis=0), least, 1 - least))


def _check(label: str, there: NDArray[np.bool_]) -> None:
    if there.sum() < LEAST:
        raise InvalidInput(f"the label {label!r} has {int(there.sum())} examples; give {LEAST} or more")
    if there.all():
        raise InvalidInput(f"every example shows {label!r}: give examples of what it is not, too")


def _fitted(images: Matrix, there: NDArray[np.bool_], words: Matrix) -> tuple[Matrix, float]:
    """Direction by examples and words, then its log-odds by the examples (Platt 1999, regularised)."""
    probe = LogisticRegression(C=STRENGTH, class_weight="balanced").fit(images, there)
    seen = np.asarray(probe.coef_[0], np.float64)
    direction = seen / max(float(np.linalg.norm(seen)), 1e-9) + words
    scores = (images @ direction)[:, None]
    scale = LogisticRegression(C=STRENGTH, class_weight="balanced").fit(scores, there)
    slope = max(float(scale.coef_[0, 0]), 1e-3)
    return np.asarray(slope * direction, np.float32), float(scale.intercept_[0])
