"""The text side of captions and passages.

A caption's vector has two parts: the sentence as MiniLM reads it, and the learned half of a text. Words are
compared by the first; the second knows what a picture could show, and stands in the space of pictures, so
that it tells how well a caption fits its own picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.encoders.compact.compile import TEXT
from rag.encoders.compact.encoder import LEARNED_DIMENSION, unit
from rag.encoders.compact.heads import FORMAT, PACKAGED, Heads, digest, loaded
from rag.encoders.compact.portuguese import digest as lexicon_digest
from rag.encoders.compact.towers import MAX_TOKENS, TEXT_DIMENSION, Floats, TextTower
from rag.encoders.sessions import cores
from rag.once import once
from rag.types import Fingerprint, Matrix, Vector

MINILM = "all-MiniLM-L6-v2"
TEXT_PREPROCESSING = f"wordpiece-256/mean/pt-{lexicon_digest()}"
"""Another lexicon puts captions in Portuguese elsewhere, so it is another space."""
LEAST_AGREEMENT = 0.2
CAPTION_LENGTH = 0.65
"""How long the learned part of a caption's vector is where the sentence has length 1; chosen by recall."""


class MiniLMEncoder:
    """A ``TextEncoder``: all-MiniLM-L6-v2 alone, for captions beside any encoder. Vectors are (n, 384)."""

    fingerprint = Fingerprint(MINILM, TEXT.sha256[:16], TEXT_PREPROCESSING, TEXT_DIMENSION)
    device = "cpu"
    max_tokens = MAX_TOKENS
    lanes = cores()

    def __init__(self, tower: TextTower) -> None:
        self._tower = tower

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return self._tower.overlong(texts)

    overlong_queries = overlong_documents

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return self._tower(texts)

    encode_queries = encode_documents


class CompactTextEncoder:
    """A ``TextEncoder``: MiniLM's sentence and the learned half of a text. Vectors of shape (n, 896).

    ``heads`` is a file that ``olhar train compact`` wrote. Loads at first use, and raises as CompactEncoder.
    """

    device = "cpu"
    max_tokens = MAX_TOKENS
    lanes = cores()

    def __init__(self, tower: TextTower, *, heads: Path = PACKAGED) -> None:
        self._tower = tower
        self._file = heads

    @once
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(
            name="compact",
            weights=f"{TEXT.sha256[:16]}+{digest(self._file)}",
            preprocessing=f"{TEXT_PREPROCESSING}/heads-{FORMAT}x{CAPTION_LENGTH}",
            dimension=TEXT_DIMENSION + LEARNED_DIMENSION,
        )

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return self._tower.overlong(texts)

    overlong_queries = overlong_documents

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.fingerprint.dimension), np.float32)
        return caption_vectors(self._heads, self._tower.features(texts))

    encode_queries = encode_documents

    def agreement(self, captions: Matrix, images: Matrix) -> Vector | None:
        """The cosines of the learned halves of captions and of the pictures that they belong to.

        No less than ``LEAST_AGREEMENT``: a caption that says nothing of its picture, a date or a name of a
        file, is no reason to show it more.
        """
        if captions.shape[1] != self.fingerprint.dimension or images.shape[1] < LEARNED_DIMENSION:
            return None
        said, seen = captions[:, TEXT_DIMENSION:], images[:, :LEARNED_DIMENSION]
        lengths = np.linalg.norm(said, axis=1) * np.linalg.norm(seen, axis=1)
        return np.asarray(np.maximum((said * seen).sum(axis=1) / lengths, LEAST_AGREEMENT), np.float32)

    @once
    def _heads(self) -> Heads:
        return loaded(self._file, digest(self._file))


def caption_vectors(heads: Heads, features: Floats) -> Matrix:
    """Both parts of captions, shape (n, 896), from ``TextTower.features``."""
    return unit(np.concatenate([features[:, :TEXT_DIMENSION], CAPTION_LENGTH * heads.text(features)], axis=1))
