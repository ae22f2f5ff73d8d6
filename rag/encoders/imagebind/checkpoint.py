"""The published names of weights, and how they become towers; dimensions are read off the tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from rag.encoders.imagebind.mel import BINS, FRAMES
from rag.encoders.imagebind.towers import PatchTower, Shape, TextTower
from rag.errors import ModelUnavailable

Sense: TypeAlias = Literal["vision", "text", "audio"]

HEADS: Final[Mapping[Sense, int]] = {"vision": 16, "text": 16, "audio": 12}
"""Of the published model; the one number that cannot be read off its tensors, but for the next."""
STRIDE: Final = 10
"""Of the patches of sounds, which overlap."""
LARGEST_SCALE: Final = 100.0

_PATCHES: Final = {
    "modality_preprocessors.{}.cls_token": "first",
    "modality_preprocessors.{}.pos_embedding_helper.pos_embed": "places",
    "modality_preprocessors.{}.rgbt_stem.norm_layer.": "stem_norm.",
    "modality_preprocessors.{}.rgbt_stem.proj.1.": "stem.",
    "modality_preprocessors.{}.rgbt_stem.proj.": "stem.",
    "modality_trunks.{}.pre_transformer_layer.0.": "before.",
    "modality_trunks.{}.blocks.": "blocks.",
    "modality_heads.{}.0.": "after.",
    "modality_heads.{}.2.": "out.",
}
_WORDS: Final = {
    "modality_preprocessors.{}.token_embedding.": "words.",
    "modality_preprocessors.{}.pos_embed": "places",
    "modality_trunks.{}.blocks.": "blocks.",
    "modality_heads.{}.proj.0.": "after.",
    "modality_heads.{}.proj.1.": "out.",
}
_SCALE: Final = "modality_postprocessors.text.1.log_logit_scale"


@dataclass(frozen=True, slots=True)
class Network:
    """What was loaded. ``side``: of a picture, in pixels; ``frames``: how often the same one is shown."""

    vision: PatchTower
    text: TextTower
    audio: PatchTower
    logit_scale: float
    side: int
    frames: int
    context: int
    words: int
    dimension: int

    @property
    def towers(self) -> tuple[nn.Module, ...]:
        return self.vision, self.text, self.audio


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, by their published names; a ``.pth`` is never allowed to run code."""
    if path.suffix == ".safetensors":
        return load_file(path)
    found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict):
        raise ModelUnavailable(f"{path} holds no table of tensors")
    return found


def network(tensors: Mapping[str, Tensor]) -> Network:
    """Raises ModelUnavailable where a tensor is missing or does not fit the others."""
    vision, text, audio = (_renamed(tensors, sense) for sense in HEADS)
    try:
        scale = float(tensors[_SCALE].float().exp())
        patch = tuple(vision["stem.weight"].shape[2:])
        places = vision["places"].shape[1] - 1
        side = math.isqrt(places) * patch[-1]
        return Network(
            _patch_tower("vision", vision, patch, places, math.isqrt(places) ** 2),
            _text_tower(text),
            _sound_tower(audio),
            min(scale, LARGEST_SCALE),
            side=side,
            frames=patch[0],
            context=text["places"].shape[1],
            words=len(text["words.weight"]),
            dimension=len(vision["out.weight"]),
        )
    except KeyError as error:
        raise ModelUnavailable(f"it lacks the tensor that is called {error.args[0]} here") from error


def _sound_tower(tensors: Mapping[str, Tensor]) -> PatchTower:
    patch = tuple(tensors["stem.weight"].shape[2:])
    high, wide = ((size - edge) // STRIDE + 1 for size, edge in zip((BINS, FRAMES), patch, strict=True))
    return _patch_tower("audio", tensors, patch, tensors["places"].shape[1] - 1, high * wide)


def _patch_tower(
    sense: Sense, tensors: Mapping[str, Tensor], patch: tuple[int, ...], places: int, expected: int
) -> PatchTower:
    if places != expected:
        raise ModelUnavailable(f"its {sense} has {places} places of patches, and {expected} fit")
    with torch.device("meta"):
        tower = PatchTower(
            _shape(sense, tensors),
            channels=tensors["stem.weight"].shape[1],
            patch=patch,
            stride=patch if sense == "vision" else (STRIDE,) * len(patch),
            places=places,
            norm_patches="stem_norm.weight" in tensors,
            norm_tokens="before.weight" in tensors,
        )
    _filled(tower, tensors, sense)
    return tower


def _text_tower(tensors: Mapping[str, Tensor]) -> TextTower:
    with torch.device("meta"):
        tower = TextTower(
            _shape("text", tensors), words=len(tensors["words.weight"]), places=tensors["places"].shape[1]
        )
    _filled(tower, tensors, "text")
    return tower


def _shape(sense: Sense, tensors: Mapping[str, Tensor]) -> Shape:
    width, heads = tensors["places"].shape[2], HEADS[sense]
    if width % heads:
        raise ModelUnavailable(f"its {sense} has {width} numbers a token, which {heads} heads cannot share")
    layers = 1 + max((int(name.split(".")[1]) for name in tensors if name.startswith("blocks.")), default=-1)
    inner = len(tensors["blocks.0.wide.weight"])
    return Shape(width, layers, heads, inner, len(tensors["out.weight"]), "blocks.0.attn.bias_k" in tensors)


def _filled(tower: nn.Module, tensors: Mapping[str, Tensor], sense: Sense) -> None:
    """Give a tower its weights. Raises ModelUnavailable when they are not all there, or do not fit."""
    try:
        tower.load_state_dict(dict(tensors), strict=True, assign=True)
    except RuntimeError as error:
        told = " ".join(str(error).split(":", 1)[-1].split())[:200]
        raise ModelUnavailable(f"the weights of its {sense} are not whole: {told}") from error
    tower.float().requires_grad_(requires_grad=False)


def _renamed(tensors: Mapping[str, Tensor], sense: Sense) -> dict[str, Tensor]:
    """Those of one sense, by the names that they have here."""
    names = {start.format(sense): ours for start, ours in (_WORDS if sense == "text" else _PATCHES).items()}
    found = {}
    for name, tensor in tensors.items():
        start = next((one for one in names if name == one or (one[-1] == "." and name.startswith(one))), None)
        if start is not None:
            rest = name.removeprefix(start).replace("mlp.fc1", "wide").replace("mlp.fc2", "narrow")
            found[names[start] + rest] = tensor
    if not found:
        raise ModelUnavailable(f"it has no tensors of ImageBind's {sense}")
    return found
