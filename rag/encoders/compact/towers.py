"""The two frozen networks, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

from rag.encoders.cache import RecentVectors
from rag.encoders.compact.compile import (
    IMAGE_SIDE,
    TEXT,
    compiled_image_tower,
    compiled_text_tower,
    packaged,
)
from rag.encoders.compact.portuguese import in_english
from rag.encoders.lengths import overlong
from rag.encoders.sessions import cores, open_session, side_by_side
from rag.errors import ModelUnavailable
from rag.images import resize
from rag.once import once
from rag.types import Matrix, Pixels

IMAGE_BATCH = 8
"""Larger batches are slower on CPUs: their activations leave the cache."""
TEXT_BATCH = 8
"""Texts of like length go together; in larger batches more is padding than speed is gained."""
IMAGE_FEATURES = 2960
TEXT_DIMENSION = 384
TEXT_FEATURES = 1536
MAX_TOKENS = 256
RECENT = 256
"""Texts whose features are kept, 6 KB each: a question is asked of pictures first, then of captions."""

Floats = NDArray[np.float32]


class ImageTower:
    """EfficientNet-Lite2, trained on ImageNet-1k. Loads at first use; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @once
    def _session(self) -> InferenceSession:
        return _session(compiled_image_tower(self._folder))

    def __call__(self, images: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """Features, shape (n, 2960), and class logits, shape (n, 1000)."""
        size = min(IMAGE_BATCH, -(-len(images) // cores()))
        batches = [images[start : start + size] for start in range(0, len(images), max(size, 1))]
        found = side_by_side(self._run, batches)
        features = [np.zeros((0, IMAGE_FEATURES), np.float32), *(one for one, _ in found)]
        logits = [np.zeros((0, 1000), np.float32), *(other for _, other in found)]
        return np.concatenate(features), np.concatenate(logits)

    def _run(self, images: Sequence[Pixels]) -> tuple[Floats, Floats]:
        pixels = np.stack([resize(image, (IMAGE_SIDE, IMAGE_SIDE)) for image in images])
        features, logits = self._session.run(None, {"pixels": pixels})
        return features, logits


class TextTower:
    """all-MiniLM-L6-v2, which is read Portuguese texts in English words (``portuguese``).

    Loads at first use; safe to use from several threads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recent = RecentVectors(self._features, RECENT)

    @once
    def _counter(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(packaged(TEXT.package, "model/tokenizer.json")))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @once
    def _parts(self) -> tuple[Tokenizer, InferenceSession]:
        tokenizer = Tokenizer.from_file(str(packaged(TEXT.package, "model/tokenizer.json")))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer, _session(compiled_text_tower(self._folder))

    def __call__(self, texts: Sequence[str]) -> Matrix:
        """Unit vectors, shape (n, 384); texts of more than 256 tokens are cut there."""
        return self.features(texts)[:, :TEXT_DIMENSION]

    def overlong(self, texts: Sequence[str]) -> dict[int, int]:
        """The texts that are cut: place, and number of tokens."""
        return overlong(_read(texts), MAX_TOKENS, lambda text: len(self._counter.encode(text).ids))

    def features(self, texts: Sequence[str]) -> Floats:
        """The unit vectors, then what else ``compiled_text_tower`` gives: shape (n, 1536)."""
        return self._recent(texts)

    def _features(self, texts: Sequence[str]) -> Floats:
        tokenizer, session = self._parts
        clean = [text.encode("utf-8", "replace").decode() for text in _read(texts)]
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(clean)]
        features = np.zeros((len(texts), TEXT_FEATURES), np.float32)
        # Texts of like length go together, so that little is spent on padding.
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        batches = [order[start : start + TEXT_BATCH] for start in range(0, len(order), TEXT_BATCH)]
        found = side_by_side(lambda batch: _run(session, [tokens[i] for i in batch]), batches)
        for batch, rows in zip(batches, found, strict=True):
            features[batch] = rows
        return features


def _run(session: InferenceSession, tokens: Sequence[Sequence[int]]) -> Floats:
    ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
    mask = np.zeros_like(ids)
    for row, some in enumerate(tokens):
        ids[row, : len(some)] = some
        mask[row, : len(some)] = 1
    return np.concatenate(session.run(None, {"ids": ids, "mask": mask}), axis=1)


def _read(texts: Sequence[str]) -> list[str]:
    return [in_english(text) for text in texts]


def _session(path: Path) -> InferenceSession:
    try:
        return open_session(path, threads=1)
    except Exception as error:  # ONNX Runtime raises classes of its own without a public base
        raise ModelUnavailable(f"{path} cannot be loaded ({error}); delete it and try again") from error
