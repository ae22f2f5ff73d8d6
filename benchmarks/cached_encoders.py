"""Encoders that keep their vectors in a folder, for benchmarks that are run again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.build import Olhar
from rag.evaluation.datasets import Dataset
from rag.evaluation.encoding import Encoders
from rag.types import Matrix


@dataclass(frozen=True, slots=True)
class CachedEncoders(Encoders):
    """As ``Encoders``; ``folder`` None keeps nothing. Vectors go by encoder, and by files or texts."""

    folder: Path | None = None

    @classmethod
    def of(cls, olhar: Olhar, folder: Path | None) -> CachedEncoders:
        return cls(olhar.encoder, olhar.text_encoder, olhar.settings.max_pixels, folder=folder)

    def photos(self, dataset: Dataset) -> tuple[Dataset, Matrix]:
        file = self._file("photos", [f"{one.path} {one.path.stat().st_mtime_ns}" for one in dataset.photos])
        if file is None or not file.exists():
            left, vectors = Encoders.photos(self, dataset)
            if file is not None:
                np.savez(file, vectors=vectors, lines=[photo.line for photo in left.photos])
            return left, vectors
        with np.load(file) as kept:
            lines = set(kept["lines"].tolist())
            photos = tuple(photo for photo in dataset.photos if photo.line in lines)
            return replace(dataset, photos=photos), kept["vectors"]

    def _encoded(self, texts: Sequence[str], encode: Callable[[Sequence[str]], Matrix], what: str) -> Matrix:
        file = self._file(what, texts)
        if file is None or not file.exists():
            vectors = Encoders._encoded(self, texts, encode, what)
            if file is not None:
                np.savez(file, vectors=vectors)
            return vectors
        with np.load(file) as kept:
            return np.asarray(kept["vectors"], np.float32)

    def _file(self, what: str, told: Sequence[str]) -> Path | None:
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        prints = (self.images.fingerprint, self.texts.fingerprint)
        return self.folder / f"{hashlib.sha256(repr((prints, what, list(told))).encode()).hexdigest()}.npz"
