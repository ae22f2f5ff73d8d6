"""Sorts pictures into labels that nobody was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.once import once
from rag.protocols import ImageEncoder
from rag.types import Label, LabelCalibration, Matrix
from rag.vision.zero_shot import odds
from rag.vision.zero_shot.prompts import (
    Language,
    Wanted,
    anything_vector,
    checked,
    label_vectors,
    templates_of,
)


@dataclass(frozen=True, slots=True)
class Classified:
    """The labels of one picture, likeliest first, and how likely it is none of them (None: not asked)."""

    labels: tuple[Label, ...]
    none: float | None = None

    @property
    def best(self) -> Label | None:
        """The likeliest label; None when none of them is likelier."""
        first = self.labels[0]
        return None if self.none is not None and self.none >= first.probability else first


class Classifier:
    """Labels by their words.

    ``multi``: each label for itself; else the probabilities, and with ``none`` that of none of these, add up
    to 1. Without a ``calibration`` of the encoder probabilities are a guess. Raises InvalidInput for labels
    or templates that cannot be used.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        labels: Sequence[Wanted],
        *,
        calibration: LabelCalibration | None = None,
        multi: bool = False,
        none: bool = True,
        language: Language = "en",
        templates: Sequence[str] = (),
    ) -> None:
        self.labels = checked(labels)
        self.multi = multi
        self._templates = templates_of(language, templates)
        self._encoder = encoder
        self._calibration = calibration
        self._none = none and not multi
        self._language: Language = language

    def classify(self, images: Matrix) -> list[Classified]:
        """Of vectors of pictures, shape (n, dim), unit rows."""
        if len(images) == 0:
            return []
        return [self._told(row) for row in self._probabilities(images)]

    def _probabilities(self, images: Matrix) -> odds.Floats:
        cosines = (images @ self.vectors.T).astype(np.float64)
        known = self._calibration
        if known is None:
            anything = (images @ self._anything.T).astype(np.float64)
            scale = self._encoder.logit_scale
            return odds.guessed(cosines, anything, scale, multi=self.multi, none=self._none)
        return odds.each(cosines, known) if self.multi else odds.one_of(cosines, known, none=self._none)

    def _told(self, row: odds.Floats) -> Classified:
        return ranked([one.name for one in self.labels], row)

    @once
    def vectors(self) -> Matrix:
        """Of the labels, shape (labels, dim)."""
        return label_vectors(self._encoder, self.labels, self._templates)

    @once
    def _anything(self) -> Matrix:
        return anything_vector(self._encoder, self._language)


def ranked(names: Sequence[str], probabilities: odds.Floats) -> Classified:
    """Likeliest first; of equal ones the first named. One probability more than names is that of none."""
    order = np.argsort(-probabilities[: len(names)], kind="stable")
    none = float(probabilities[-1]) if len(probabilities) > len(names) else None
    return Classified(tuple(Label(names[i], float(probabilities[i])) for i in order), none)
