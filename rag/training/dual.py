"""A CLIP-like model as one thing to train: pictures and texts to unit vectors, and the temperature between
them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from rag.encoders.loading import load, revision
from rag.encoders.sentence_transformer import usable
from rag.errors import InvalidInput, ModelUnavailable
from rag.images import as_pillow
from rag.models import EncoderRow, encoder_row
from rag.training.heads import MAX_SCALE
from rag.types import Pixels

Inputs = Mapping[str, Any]
"""What the model's own processor makes of some pictures or some texts, on the CPU."""

START_SCALE = 20.0
"""One over the temperature where the model has none of its own."""
MODEL = "MODEL"
"""What a message calls the argument that names the model."""


class Dual(nn.Module):
    """The two towers of a sentence-transformers model, in single precision.

    On CUDA the forward passes run in half precision (bfloat16 where the device has it), the weights and the
    vectors stay single.
    """

    def __init__(self, model: Any, row: EncoderRow, *, device: str) -> None:
        super().__init__()
        self.model = model.float().to(device)
        self.device = torch.device(device)
        self.precision = _precision(self.device)
        self._picture_prompt = _prompt(model, row.image_prompt, "document", "passage", "corpus")
        self._text_prompt = _prompt(model, row.query_prompt, "query")
        found = (getattr(module, "logit_scale", None) for module in model.modules())
        own = next((scale for scale in found if isinstance(scale, nn.Parameter)), None)
        self.log_scale = (
            nn.Parameter(torch.tensor(math.log(START_SCALE), device=device)) if own is None else own
        )

    @classmethod
    def load(cls, name: str, *, device: str = "auto") -> Dual:
        """A hub name, or a folder. Raises ModelUnavailable when it cannot be loaded or has no image side, and
        InvalidInput when its image side is another model.
        """
        row = encoder_row(name)
        if row.images_from:
            raise InvalidInput(
                f"{name} cannot be trained: its image side is another model; train {row.images_from}"
            )
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        # By way of the CPU: on CUDA the loader gives half precision, which is too coarse to train in.
        model = load(name, row, device="cpu", setting=MODEL, packaged="compact")
        if not model.supports("image") or not isinstance(getattr(model[0], "model", None), nn.Module):
            raise ModelUnavailable(f"{MODEL}={name} encodes no images; choose a CLIP-like model or `compact`")
        model.train(False)
        return cls(model, row, device=device)

    @property
    def towers(self) -> nn.Module:
        """The model of transformers inside, which holds both towers."""
        inside: nn.Module = self.model[0].model
        return inside

    def prepare_pictures(self, pictures: Sequence[Pixels]) -> Inputs:
        """One picture or more, uint8, shape (height, width, 3) each."""
        images = [as_pillow(usable(pixels, place)) for place, pixels in enumerate(pictures)]
        inputs: Inputs = self.model.preprocess(images, prompt=self._picture_prompt)
        return inputs

    def prepare_texts(self, texts: Sequence[str]) -> Inputs:
        """One text or more, as questions are asked."""
        inputs: Inputs = self.model.preprocess([text or " " for text in texts], prompt=self._text_prompt)
        return inputs

    def forward(self, inputs: Inputs) -> Tensor:
        """Unit vectors, float32, shape (n, dim), on the model's device."""
        there = {
            name: value.to(self.device, non_blocking=True) if isinstance(value, Tensor) else value
            for name, value in inputs.items()
        }
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not None):
            rows = self.model(there)["sentence_embedding"]
        unit: Tensor = normalize(rows.float(), dim=-1)
        return unit

    def logits(self, image: Tensor, text: Tensor) -> Tensor:
        """Cosine divided by temperature, shape (images, texts)."""
        return self.log_scale.exp() * (image @ text.T)

    @torch.no_grad()
    def hold_temperature(self) -> None:
        """After a step: keep the factor at most 100 (Radford et al. 2021, section 2.5)."""
        self.log_scale.clamp_(max=MAX_SCALE)

    def learned(self) -> dict[str, Tensor]:
        """The weights that learn, by name; they are the model's own tensors, not copies."""
        return {name: value for name, value in self.named_parameters() if value.requires_grad}

    def revision(self, name: str) -> str:
        """What fixes the weights that were loaded by that name."""
        return revision(name, self.model)


def own_weights(dual: Dual) -> tuple[frozenset[str], frozenset[str]]:
    """Names, within ``dual.towers``, of the weights of the image tower and of those of the text tower: what a
    picture's vector depends on, and what a text's does.
    """
    grey = np.full((32, 32, 3), 127, np.uint8)
    return _used(dual, dual.prepare_pictures([grey])), _used(dual, dual.prepare_texts(["a photo"]))


def _used(dual: Dual, inputs: Inputs) -> frozenset[str]:
    dual(inputs).sum().backward()
    names = frozenset(name for name, value in dual.towers.named_parameters() if value.grad is not None)
    dual.zero_grad()
    return names


def _precision(device: torch.device) -> torch.dtype | None:
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _prompt(model: Any, given: str | None, *names: str) -> str | None:
    """That of the model's row, or else the one that the model carries under one of these names."""
    prompts = getattr(model, "prompts", None) or {}
    return given if given is not None else next((prompts[name] for name in names if prompts.get(name)), None)
