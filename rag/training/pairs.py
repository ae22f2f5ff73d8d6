"""Photos and captions as the inputs of a model of two towers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from rag.encoders.batching import Batches
from rag.training.datasets import Photos, load
from rag.training.dual import Dual, Inputs
from rag.training.gradcache import Side
from rag.training.measure import recalls
from rag.types import Matrix

Tower: TypeAlias = Literal["image", "text"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some captions and their photos, each photo once; ``positives`` has shape (photos, captions): 1 where
    the caption is of the photo.
    """

    image: Side[Any]
    text: Side[Any]
    positives: Tensor


class PhotoPairs:
    """The photos of a data set for ``dual``. Of a ``frozen`` tower the vectors are made once and kept in
    memory.
    """

    def __init__(self, dual: Dual, photos: Photos, batches: Batches, *, frozen: Tower | None = None) -> None:
        self._dual, self._photos, self._batches = dual, photos.photos, batches
        self._captions = photos.captions
        self.owners = torch.tensor(photos.owners)
        self._kept: dict[Tower, Tensor] = {}
        if frozen is not None:
            self._kept[frozen] = self._vectors(frozen)

    @cached_property
    def weights(self) -> Tensor:
        """For each caption 1 over how many its group has: drawn by them, all groups come alike often."""
        groups = [self._photos[owner].group for owner in self.owners.tolist()]
        counts = Counter(groups)
        return torch.tensor([1 / counts[group] for group in groups], dtype=torch.float64)

    def digest(self) -> str:
        """Names this data, so that a run is not resumed on another."""
        told = [
            (photo.path.name, photo.path.stat().st_size, photo.captions, photo.group)
            for photo in self._photos
        ]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def prepare(self, chosen: Tensor, chunk: int) -> Batch:
        """The batch of these captions (their numbers), cut into chunks of at most ``chunk``."""
        numbers, rows = torch.unique(self.owners[chosen], return_inverse=True)
        positives = torch.zeros(len(numbers), len(chosen))
        positives[rows, torch.arange(len(chosen))] = 1
        image, text = self._side("image", numbers, chunk), self._side("text", chosen, chunk)
        return Batch(image, text, positives.to(self._dual.device))

    def recall(self) -> dict[str, float]:
        """Of all captions over all photos, as the model is now."""
        return recalls(self._vectors("image"), self._vectors("text"), self.owners)

    def _side(self, tower: Tower, numbers: Tensor, chunk: int) -> Side[Any]:
        if tower in self._kept:
            rows = self._kept[tower][numbers].to(self._dual.device)
            return Side([rows], lambda known: known, frozen=True)
        return Side([self._inputs(tower, some.tolist()) for some in torch.split(numbers, chunk)], self._dual)

    def _inputs(self, tower: Tower, numbers: Sequence[int]) -> Inputs:
        if tower == "image":
            return self._dual.prepare_pictures([load(self._photos[n]) for n in numbers])
        return self._dual.prepare_texts([self._captions[n] for n in numbers])

    def _vectors(self, tower: Tower) -> Tensor:
        """Of all photos, or of all captions, shape (n, dim), on the CPU."""
        if tower in self._kept:
            return self._kept[tower]
        was_training = self._dual.training
        self._dual.eval()

        @torch.no_grad()
        def forward(numbers: Sequence[int]) -> Matrix:
            return np.asarray(self._dual(self._inputs(tower, numbers)).cpu().numpy(), np.float32)

        count = len(self._photos if tower == "image" else self._captions)
        rows = torch.from_numpy(self._batches.encode(range(count), forward))
        self._dual.train(was_training)
        return rows
