"""The networks: one for what is cut into patches (pictures, spectrograms), one for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-6
"""Of every layer norm but that of the patches of sounds."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a transformer: numbers a token, layers, heads, numbers inside a layer, numbers of its vector.

    ``further_key``: whether each attention has one more key and value that it learned.
    """

    width: int
    layers: int
    heads: int
    inner: int
    vector: int
    further_key: bool = False


class Layer(nn.Module):
    """Attention, then two linear maps; each after a layer norm, and added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(shape.width, eps=EPSILON)
        self.attn = nn.MultiheadAttention(
            shape.width, shape.heads, add_bias_kv=shape.further_key, batch_first=True
        )
        self.norm_2 = nn.LayerNorm(shape.width, eps=EPSILON)
        self.wide = nn.Linear(shape.width, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.width)

    def forward(self, tokens: Tensor, hidden: Tensor | None = None) -> Tensor:
        """``tokens``: (n, length, width); ``hidden``: (length, length), True where one cannot see another."""
        given = self.norm_1(tokens)
        tokens = tokens + self.attn(given, given, given, need_weights=False, attn_mask=hidden)[0]
        inner = nn.functional.gelu(self.wide(self.norm_2(tokens)))
        narrow: Tensor = self.narrow(inner)
        return tokens + narrow


class PatchTower(nn.Module):
    """Patches behind a token of their own, whose place in the last layer becomes the vector.

    ``patch`` is (height, width) of a patch, or (frames, height, width); ``places`` how many there are.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        channels: int,
        patch: tuple[int, ...],
        stride: tuple[int, ...],
        places: int,
        norm_patches: bool,
        norm_tokens: bool,
    ) -> None:
        super().__init__()
        cut: Any = nn.Conv3d if len(patch) == len(("frames", "height", "width")) else nn.Conv2d
        self.stem = cut(channels, shape.width, patch, stride, bias=False)
        self.stem_norm = nn.LayerNorm(shape.width) if norm_patches else nn.Identity()
        self.first = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.places = nn.Parameter(torch.zeros(1, places + 1, shape.width))
        self.before = nn.LayerNorm(shape.width, eps=EPSILON) if norm_tokens else nn.Identity()
        self.blocks = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.after = nn.LayerNorm(shape.width, eps=EPSILON)
        self.out = nn.Linear(shape.width, shape.vector, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, channels, …) to (n, vector), of any length."""
        patches = self.stem_norm(self.stem(inputs).flatten(2).transpose(1, 2))
        first = self.first.expand(len(inputs), -1, -1)
        tokens = self.before(torch.cat((first, patches), dim=1) + self.places)
        for layer in self.blocks:
            tokens = layer(tokens)
        vectors: Tensor = self.out(self.after(tokens[:, 0]))
        return vectors


class TextTower(nn.Module):
    """Words, each of which sees those before it; the place of the end of the text becomes the vector."""

    def __init__(self, shape: Shape, *, words: int, places: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, shape.width)
        self.places = nn.Parameter(torch.zeros(1, places, shape.width))
        self.blocks = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.after = nn.LayerNorm(shape.width, eps=EPSILON)
        self.out = nn.Linear(shape.width, shape.vector, bias=False)

    def forward(self, ids: Tensor, ends: Tensor) -> Tensor:
        """``ids``: (n, length), filled up behind the place ``ends``, (n,), of each text's last token."""
        length = ids.shape[1]
        tokens = self.words(ids) + self.places[:, :length]
        hidden = torch.ones(length, length, dtype=torch.bool, device=ids.device).triu(1)
        for layer in self.blocks:
            tokens = layer(tokens, hidden)
        last = tokens[torch.arange(len(ids), device=ids.device), ends]
        vectors: Tensor = self.out(self.after(last))
        return vectors
