"""Two halves, one vector: what was learned from captioned photos, and what an object classifier knows.

The learned half is some heads on each tower (``heads.py``), trained by ``olhar train compact``. The other is
ConSE (Norouzi et al. 2014, “Zero-Shot Learning by Convex Combination of Semantic Embeddings”, equation 4): a
picture is a convex mix of the text embeddings of the classes that it looks like. There both sides are
centred, pictures by the mean class and texts by the mean wording, so that what is unrelated has a cosine
near zero.
The first knows scenes, people and what they do; the second knows objects that no caption named. One number
more holds back pictures that are near to everything (``hubs.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.encoders.compact import hubs
from rag.encoders.compact.classes import Classes, class_vectors, kind_vectors, wording_mean
from rag.encoders.compact.compile import IMAGE, TEXT
from rag.encoders.compact.heads import FORMAT, PACKAGED, Heads, digest, loaded
from rag.encoders.compact.naming import Names
from rag.encoders.compact.portuguese import digest as lexicon_digest
from rag.encoders.compact.portuguese import not_understood
from rag.encoders.compact.towers import MAX_TOKENS, TEXT_DIMENSION, Floats, ImageTower, TextTower
from rag.encoders.sessions import cores
from rag.once import once
from rag.types import Fingerprint, Matrix, Pixels, Vector

TOP_CLASSES = 20
TEMPERATURE = 1.5
"""Softens the classifier, so that the scene counts and not only the object; chosen on photos."""
WORDING_SHARE = 0.8
"""How much of the mean wording is taken from a text; without it a long question is near to everything."""
PICTURE_LENGTH = 1.0
TEXT_LENGTH = 2.5
"""How long the ConSE half is where the learned one has length 1: the surer the classifier is of a picture,
and the nearer a text is to a class's name, the more it counts. Chosen by recall of scenes and objects."""
NAMED = 2
"""The power of that nearness, which is about .4 for a caption and .85 for the name of a class."""
LOGIT_SCALE = 20.0
"""From cosine to logit, fitted as the slope of a softmax over captions of the right and of other photos."""

PREPROCESSING = (
    f"heads-{FORMAT}+conse-3/top{TOP_CLASSES}/t{TEMPERATURE}/x{PICTURE_LENGTH}x{TEXT_LENGTH}"
    f"/hubs-t{hubs.TEMPERATURE}x{hubs.SHARE}x{hubs.WIDTH}"
    f"/stretch-260-bicubic/pt-{lexicon_digest()}"
)
LEARNED_DIMENSION = 512
HALVES = LEARNED_DIMENSION + TEXT_DIMENSION
DIMENSION = HALVES + 1
"""The last number tells hubs (``hubs.py``)."""


class CompactEncoder:
    """An ``ImageEncoder``. Vectors of shape (n, 897).

    ``heads`` is a file that ``olhar train compact`` wrote. Loads at first use: what only compares
    fingerprints never waits for a model. Raises ModelUnavailable when a file is missing or damaged.
    """

    logit_scale = LOGIT_SCALE
    languages = ("en", "pt")
    device = "cpu"
    max_tokens = MAX_TOKENS
    lanes = cores()

    def __init__(self, folder: Path, text: TextTower, *, heads: Path = PACKAGED) -> None:
        self._folder = folder
        self._text = text
        self._image = ImageTower(folder)
        self._file = heads

    @once
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(
            name="compact",
            weights=f"{IMAGE.sha256[:16]}+{TEXT.sha256[:16]}+{digest(self._file)}",
            preprocessing=PREPROCESSING,
            dimension=DIMENSION,
        )

    def overlong_queries(self, texts: Sequence[str]) -> dict[int, int]:
        return self._text.overlong(texts)

    def not_understood(self, text: str) -> tuple[str, ...]:
        return not_understood(text)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        if not images:
            return np.zeros((0, self.fingerprint.dimension), np.float32)
        features, logits = self._image(images)
        return picture_vectors(self._heads, features, logits, self._classes)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self.encode_images(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.fingerprint.dimension), np.float32)
        return text_vectors(self._heads, self._text.features(texts), self._wordings, self._classes)

    def named(self, queries: Matrix, images: Matrix) -> Matrix:
        """What ``rag.protocols.Naming`` says."""
        return self._names.named(_conse(queries), _unmixed(images) + self._names.mean)

    @once
    def _heads(self) -> Heads:
        return loaded(self._file, digest(self._file))

    @once
    def _wordings(self) -> Vector:
        return wording_mean(self._folder, self._text)

    @once
    def _classes(self) -> Classes:
        return Classes.of(class_vectors(self._folder, self._text))

    @once
    def _names(self) -> Names:
        return Names.of(self._classes.vectors, kind_vectors(self._folder, self._text))


def picture_vectors(heads: Heads, features: Floats, logits: Floats, classes: Classes) -> Matrix:
    """Vectors of pictures, shape (n, 897), from what the image tower gives."""
    return heads.hubs.lowered(picture_halves(heads, features, logits, classes))


def text_vectors(heads: Heads, features: Floats, wordings: Vector, classes: Classes) -> Matrix:
    """Vectors of texts, shape (n, 897), from ``TextTower.features`` and what they are compared with."""
    return heads.hubs.asking(text_halves(heads, features, wordings, classes))


def picture_halves(heads: Heads, features: Floats, logits: Floats, classes: Classes) -> Matrix:
    """Both halves of pictures, shape (n, 896)."""
    # The mix of many unlike classes is near to their mean: what is left of it is short.
    mixed = mix(logits, classes.vectors) - classes.mean
    return unit(np.concatenate([heads.image(features), PICTURE_LENGTH * mixed], axis=1))


def text_halves(heads: Heads, features: Floats, wordings: Vector, classes: Classes) -> Matrix:
    """Both halves of texts, shape (n, 896)."""
    sentences = unit(features[:, :TEXT_DIMENSION] - WORDING_SHARE * wordings)
    nearest = (sentences @ classes.apart.T).max(axis=1, keepdims=True)
    length = TEXT_LENGTH * np.maximum(nearest, 0) ** NAMED
    return unit(np.concatenate([heads.text(features), length * sentences], axis=1))


def _conse(vectors: Matrix) -> Matrix:
    half = vectors[:, LEARNED_DIMENSION:HALVES]  # of length 0 for a text that is near to no class at all
    return np.asarray(half / np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-9), np.float32)


def _unmixed(images: Matrix) -> Matrix:
    """Their ConSE halves as long as ``picture_halves`` had them, where the learned one had length 1."""
    learned = np.linalg.norm(images[:, :LEARNED_DIMENSION], axis=1, keepdims=True)
    halves = images[:, LEARNED_DIMENSION:HALVES] / np.maximum(learned, 1e-9)
    return np.asarray(halves / PICTURE_LENGTH, np.float32)


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
