"""Pairs from the classifier: each of its classes is a picture feature whose words are known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

LEAST, MOST = 0.3, 0.9
"""How much of a mixed feature is the class; the rest is a photo, so that no class stands on bare ground."""


class ClassPairs:
    """A row of the classifier's weights, as long as a feature, mixed with a random photo, against a wording
    of the class. The further features of the photo are taken at their mean: nothing is known of them.

    ``rows`` has shape (classes, width), ``photos`` (photos, dim) with dim ≥ width, ``texts`` (wordings, t)
    and ``classes`` the number of the class of each wording.
    """

    def __init__(
        self, rows: Tensor, photos: Tensor, texts: Tensor, classes: Sequence[int], *, size: int = 384
    ) -> None:
        width = rows.shape[1]
        length = photos[:, :width].norm(dim=1).mean()
        self._rows = rows / rows.norm(dim=1, keepdim=True) * length
        self._photos = photos
        self._middle = photos.mean(0)
        self._texts = texts
        self._size = min(size, len(rows))
        numbers = torch.tensor(classes)
        self._order = torch.argsort(numbers, stable=True)
        self._counts = torch.bincount(numbers, minlength=len(rows))
        self._starts = torch.cumsum(self._counts, 0) - self._counts

    def __call__(self, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        n, width = self._size, self._rows.shape[1]
        chosen = torch.randperm(len(self._rows), generator=rng)[:n]
        wording = (torch.rand(n, generator=rng) * self._counts[chosen]).long()
        photo = torch.randint(len(self._photos), (n,), generator=rng)
        share = LEAST + (MOST - LEAST) * torch.rand(n, 1, generator=rng)
        image = self._middle.repeat(n, 1)
        image[:, :width] = share * self._rows[chosen] + (1 - share) * self._photos[photo, :width]
        return image, self._texts[self._order[self._starts[chosen] + wording]], torch.eye(n)
