"""From cosines to probabilities: one label among several, or each for itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag.types import LabelCalibration

Floats = NDArray[np.float64]


def softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def logistic(logits: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -logits)))


def one_of(cosines: Floats, calibration: LabelCalibration, *, none: bool) -> Floats:
    """Probabilities of shape (n, labels), and with ``none`` one column more: that it is none of these.

    Guo et al. 2017, “On Calibration of Modern Neural Networks”, equation 9; the temperature is 1 / ``scale``.
    Each label that is wrong takes some probability, so that “none” grows with their number: its logit is
    scale × none + log(labels). With a ``spread`` it is the mean of two such softmaxes.
    """
    scales = sorted({calibration.scale / calibration.spread, calibration.scale * calibration.spread})
    found = [softmax(_logits(cosines, scale, calibration.none if none else None)) for scale in scales]
    return np.asarray(np.mean(found, axis=0))


def _logits(cosines: Floats, scale: float, none: float | None) -> Floats:
    logits = scale * cosines
    if none is None:
        return logits
    rest = np.full((len(cosines), 1), scale * none + np.log(cosines.shape[1]))
    return np.concatenate([logits, rest], axis=1)


def each(cosines: Floats, calibration: LabelCalibration) -> Floats:
    """Independent probabilities, shape (n, labels): Platt 1999, with one slope and bias for all labels."""
    return logistic(calibration.slope * cosines + calibration.bias)


def guessed(cosines: Floats, anything: Floats, scale: float, *, multi: bool, none: bool) -> Floats:
    """The same of an encoder that nobody has calibrated, at its own temperature.

    “None” is what is true of every picture, with the cosines ``anything`` of shape (n, 1); each label for
    itself competes with that alone.
    """
    if multi:
        return logistic(scale * (cosines - anything))
    return softmax(scale * (np.concatenate([cosines, anything], axis=1) if none else cosines))
