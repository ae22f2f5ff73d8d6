"""ConSE: a picture is a convex mix of the text embeddings of the classes it looks like.

Norouzi et al. 2014, “Zero-Shot Learning by Convex Combination of Semantic Embeddings”, equation 4.
Both sides are centred, pictures by the mean class and texts by the mean wording, so that what is unrelated
has a cosine near zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from rag.encoders.compact.classes import class_vectors, wording_mean
from rag.encoders.compact.compile import IMAGE, TEXT
from rag.encoders.compact.towers import TEXT_DIMENSION, ImageTower, TextTower
from rag.types import Fingerprint, Matrix, Pixels, Vector

TOP_CLASSES = 20
TEMPERATURE = 1.5
"""Softens the classifier, so that the scene counts and not only the object; chosen on photos."""
WORDING_SHARE = 0.8
"""How much of the mean wording is taken from a text; without it a long question is near to everything."""
LOGIT_SCALE = 20.0
"""From cosine to logit, fitted as the slope of a softmax over captions of the right and of other photos."""

FINGERPRINT = Fingerprint(
    name="compact",
    weights=f"{IMAGE.sha256[:16]}+{TEXT.sha256[:16]}",
    preprocessing=f"conse-2/top{TOP_CLASSES}/t{TEMPERATURE}/stretch-260-bicubic",
    dimension=TEXT_DIMENSION,
)
TEXT_FINGERPRINT = Fingerprint("all-MiniLM-L6-v2", TEXT.sha256[:16], "wordpiece-256/mean", TEXT_DIMENSION)


class CompactTextEncoder:
    """A ``TextEncoder``: all-MiniLM-L6-v2 for captions and passages. Vectors of shape (n, 384)."""

    fingerprint = TEXT_FINGERPRINT

    def __init__(self, tower: TextTower) -> None:
        self._tower = tower

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return self._tower(texts)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._tower(texts)


class CompactEncoder:
    """An ``ImageEncoder`` in the space of MiniLM's sentences. Vectors of shape (n, 384).

    Loads at first use: what only compares fingerprints never waits for a model.
    """

    fingerprint = FINGERPRINT
    logit_scale = LOGIT_SCALE
    languages = ("en",)
    device = "cpu"

    def __init__(self, folder: Path, text: TextTower) -> None:
        self._folder = folder
        self._text = text
        self._image = ImageTower(folder)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        if not images:
            return np.zeros((0, TEXT_DIMENSION), np.float32)
        _, logits = self._image(images)
        return unit(mix(logits, self._classes) - self._classes.mean(axis=0))

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self.encode_images(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return unit(self._text(texts) - WORDING_SHARE * self._wordings)

    @cached_property
    def _wordings(self) -> Vector:
        return wording_mean(self._folder, self._text)

    @cached_property
    def _classes(self) -> Matrix:
        return class_vectors(self._folder, self._text)


def mix(logits: Matrix, classes: Matrix) -> Matrix:
    """The mean of the class vectors, weighted by the probabilities of the likeliest classes.

    ``logits`` has shape (n, classes), ``classes`` (classes, dim); the result is (n, dim), normalised.
    """
    scaled = logits / TEMPERATURE
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    kept = np.argpartition(weights, -TOP_CLASSES, axis=1)[:, -TOP_CLASSES:]
    sparse = np.zeros_like(weights)
    np.put_along_axis(sparse, kept, np.take_along_axis(weights, kept, axis=1), axis=1)
    return unit(sparse @ classes)


def unit(rows: Matrix) -> Matrix:
    """Each row scaled to length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
