"""The part that learns when both towers are frozen: a small network for each side."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

MAX_SCALE = math.log(100.0)
"""Radford et al. 2021, section 2.5: a larger factor makes training unstable."""


class Head(nn.Module):
    """Standardise, linear, GELU, dropout, linear, to length 1: (n, inputs) → (n, outputs)."""

    mean: Tensor
    spread: Tensor

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)
        self.dropout = nn.Dropout(dropout)

    def standardise_on(self, features: Tensor) -> None:
        """Take mean and spread from the features that will be trained on."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3 * features.std())

    def forward(self, features: Tensor) -> Tensor:
        hidden = gelu(self.first((features - self.mean) / self.spread), approximate="tanh")
        unit: Tensor = normalize(self.second(self.dropout(hidden)), dim=-1)
        return unit


class TwoHeads(nn.Module):
    """A head for pictures, one for texts, and the temperature between them."""

    def __init__(
        self, image: int, text: int, *, hidden: int = 512, outputs: int = 512, dropout: float = 0.4
    ) -> None:
        super().__init__()
        self.image = Head(image, hidden, outputs, dropout)
        self.text = Head(text, hidden, outputs, dropout)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @property
    def scale(self) -> Tensor:
        """One divided by the temperature."""
        return self.log_scale.clamp(max=MAX_SCALE).exp()

    def logits(self, image: Tensor, text: Tensor) -> Tensor:
        """Cosine divided by temperature, shape (images, texts)."""
        cosines: Tensor = self.image(image) @ self.text(text).T
        return self.scale * cosines


class MorePairs(Protocol):
    """Pairs that come from elsewhere than the photos, drawn anew at each step."""

    def __call__(self, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Picture features, text features, and positives as ``info_nce`` has them."""
