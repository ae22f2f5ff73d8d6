"""The towers compute what was published: against a plain reading of it in numpy, by the published names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rag.encoders.imagebind.checkpoint import HEADS, Network, Sense, network, tensors_of
from tests.rag.encoders.tiny_models import tiny_imagebind

Array: TypeAlias = NDArray[np.float64]
Tensors: TypeAlias = Mapping[str, Array]
DICE = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Tensors]:
    found = tensors_of(tiny_imagebind(tmp_path_factory.mktemp("towers")) / "imagebind_huge.pth")
    return network(found), {name: tensor.double().numpy() for name, tensor in found.items()}


def norm(x: Array, t: Tensors, name: str, epsilon: float = 1e-6) -> Array:
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    normed: Array = (x - x.mean(axis=-1, keepdims=True)) / spread * t[f"{name}.weight"] + t[f"{name}.bias"]
    return normed


def linear(x: Array, t: Tensors, name: str) -> Array:
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def attention(x: Array, t: Tensors, name: str, heads: int, *, causal: bool) -> Array:
    """Of one text or picture, (length, width); with a further key and value where there is one."""
    queries, keys, values = np.split(x @ t[f"{name}.in_proj_weight"].T + t[f"{name}.in_proj_bias"], 3, axis=1)
    if f"{name}.bias_k" in t:
        keys = np.concatenate((keys, t[f"{name}.bias_k"][0]))
        values = np.concatenate((values, t[f"{name}.bias_v"][0]))
    seen = []
    parts = (np.split(one, heads, axis=1) for one in (queries, keys, values))
    for query, key, value in zip(*parts, strict=True):
        scores = query @ key.T / math.sqrt(query.shape[1])
        if causal:
            scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        seen.append(odds / odds.sum(axis=1, keepdims=True) @ value)
    return linear(np.concatenate(seen, axis=1), t, f"{name}.out_proj")


def trunk(x: Array, t: Tensors, sense: Sense) -> Array:
    erf = np.vectorize(math.erf)
    number = 0
    while f"modality_trunks.{sense}.blocks.{number}.norm_1.weight" in t:
        at = f"modality_trunks.{sense}.blocks.{number}."
        given = norm(x, t, f"{at}norm_1")
        x = x + attention(given, t, f"{at}attn", HEADS[sense], causal=sense == "text")
        inner = linear(norm(x, t, f"{at}norm_2"), t, f"{at}mlp.fc1")
        x = x + linear(inner * (1 + erf(inner / math.sqrt(2))) / 2, t, f"{at}mlp.fc2")
        number += 1
    assert number == 2
    return x


def patches(picture: Array, kernel: Array, stride: int) -> Array:
    """Of (channels, frames, height, width); the kernel covers all frames."""
    high, wide = kernel.shape[-2:]
    rows = range(0, picture.shape[-2] - high + 1, stride)
    columns = range(0, picture.shape[-1] - wide + 1, stride)
    cut = [picture[..., y : y + high, x : x + wide].ravel() for y in rows for x in columns]
    tokens: Array = np.stack(cut) @ kernel.reshape(len(kernel), -1).T
    return tokens


def with_first(tokens: Array, t: Tensors, sense: Sense) -> Array:
    first = t[f"modality_preprocessors.{sense}.cls_token"][0]
    places = t[f"modality_preprocessors.{sense}.pos_embedding_helper.pos_embed"][0]
    placed: Array = np.concatenate((first, tokens)) + places
    return placed


def same(found: torch.Tensor, expected: Array) -> None:
    assert np.allclose(found.detach().double().numpy(), expected, atol=1e-4 * np.abs(expected).max())


def test_pictures(model: tuple[Network, Tensors]) -> None:
    net, t = model
    clip = DICE.normal(size=(3, 2, 28, 28))
    tokens = patches(clip, t["modality_preprocessors.vision.rgbt_stem.proj.1.weight"], 14)
    tokens = norm(with_first(tokens, t, "vision"), t, "modality_trunks.vision.pre_transformer_layer.0")
    last = norm(trunk(tokens, t, "vision")[0], t, "modality_heads.vision.0")
    expected = last @ t["modality_heads.vision.2.weight"].T
    same(net.vision(torch.from_numpy(clip[None]).float())[0], expected)


def test_texts(model: tuple[Network, Tensors]) -> None:
    net, t = model
    ids = DICE.integers(0, 500, 9)
    tokens = t["modality_preprocessors.text.token_embedding.weight"][ids]
    tokens = tokens + t["modality_preprocessors.text.pos_embed"][0, :9]
    last = norm(trunk(tokens, t, "text")[6], t, "modality_heads.text.proj.0")
    expected = last @ t["modality_heads.text.proj.1.weight"].T
    same(net.text(torch.from_numpy(ids[None]), torch.tensor([6]))[0], expected)


def test_sounds(model: tuple[Network, Tensors]) -> None:
    net, t = model
    heard = DICE.normal(size=(1, 1, 128, 204))
    tokens = patches(heard, t["modality_preprocessors.audio.rgbt_stem.proj.weight"], 10)
    assert len(tokens) == 12 * 19
    tokens = norm(tokens, t, "modality_preprocessors.audio.rgbt_stem.norm_layer", 1e-5)
    last = norm(trunk(with_first(tokens, t, "audio"), t, "audio")[0], t, "modality_heads.audio.0")
    expected = last @ t["modality_heads.audio.2.weight"].T
    same(net.audio(torch.from_numpy(heard[0][None]).float())[0], expected)
