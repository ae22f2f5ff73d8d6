"""The two towers of a sentence-transformers model as ONNX graphs, with what is done before them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from rag.encoders.exported import ImageRecipe, TextRecipe
from rag.encoders.loading import load
from rag.encoders.onnx_dual import IMAGE_TOWER, TEXT_TOWER, TOKENIZER
from rag.errors import InvalidInput
from rag.models import EncoderRow, encoder_row

OPSET = 17
UNUSED = {"Normalize"}
"""Modules after the towers that need no place in the graph: it normalises by itself."""
KNOWN_STEPS = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"}


@dataclass(frozen=True, slots=True)
class Traced:
    """How pictures and texts become the inputs of the towers."""

    image: ImageRecipe
    text: TextRecipe


def trace(name: str, folder: Path) -> Traced:
    """Write ``image.onnx``, ``text.onnx`` and ``tokenizer.json`` into a folder.

    The image tower takes uint8 (n, height, width, 3), the text tower int64 (n, t) ids and, where the
    model has one, a mask; both give unit vectors (n, dim). Raises ModelUnavailable when the model cannot
    be loaded, InvalidInput when it is of a kind that cannot be exported.
    """
    row = encoder_row(name)
    if row.images_from:
        raise InvalidInput(f"{name} cannot be exported: its image side is another model, {row.images_from}")
    model = load(name, row, device="cpu", setting="OLHAR_ENCODER", packaged="compact")
    _check_modules(model, name)
    image = _image_recipe(_processor(model, "image_processor", name).to_dict(), name)
    text = _text_recipe(model, row)
    height, width = _input_size(image, name)
    _write(
        _ImageTower(model, _processor(model, "image_processor", name).to_dict()),
        (torch.zeros(2, height, width, 3, dtype=torch.uint8),),
        folder / IMAGE_TOWER,
        {"pixels": {0: "n"}},
        name,
    )
    features = model.preprocess(["a", "a few words"])
    inputs = {"ids": features["input_ids"]}
    if text.mask:
        inputs["mask"] = features["attention_mask"]
    axes = {key: {0: "n"} if text.length else {0: "n", 1: "t"} for key in inputs}
    _write(_TextTower(model), tuple(inputs.values()), folder / TEXT_TOWER, axes, name)
    _processor(model, "tokenizer", name).backend_tokenizer.save(str(folder / TOKENIZER))
    return Traced(image, text)


class _Tower(torch.nn.Module):
    """One side of the model, by the method that sentence-transformers would call."""

    model: torch.nn.Module
    _method: str
    _output: str

    def __init__(self, model: SentenceTransformer, modality: str) -> None:
        super().__init__()
        first: Any = model[0]
        chosen = first.modality_config[modality]
        self.model = first.model
        self._method, self._output = chosen["method"], chosen["method_output_name"]

    def vectors(self, **inputs: torch.Tensor) -> torch.Tensor:
        found = getattr(self.model, self._method)(**inputs)
        rows = found if isinstance(found, torch.Tensor) else getattr(found, self._output)
        return torch.nn.functional.normalize(rows, dim=-1)


class _ImageTower(_Tower):
    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, model: SentenceTransformer, processor: Mapping[str, Any]) -> None:
        super().__init__(model, "image")
        scale = processor["rescale_factor"] if processor.get("do_rescale") else 1.0
        normal = bool(processor.get("do_normalize"))
        mean = torch.tensor(processor["image_mean"] if normal else [0.0] * 3) / scale
        spread = torch.tensor(processor["image_std"] if normal else [1.0] * 3) / scale
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("spread", spread, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scaled = (pixels.float() - self.mean) / self.spread
        return self.vectors(pixel_values=scaled.permute(0, 3, 1, 2))


class _TextTower(_Tower):
    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__(model, "text")

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None:
            return self.vectors(input_ids=ids)
        return self.vectors(input_ids=ids, attention_mask=mask)


def _check_modules(model: SentenceTransformer, name: str) -> None:
    further = [type(module).__name__ for module in list(model)[1:]]
    config: Mapping[str, Any] = getattr(model[0], "modality_config", {})
    if not {"image", "text"} <= set(config) or set(further) - UNUSED:
        raise InvalidInput(
            f"{name} cannot be exported: it is no model of an image and a text tower whose vectors are "
            f"compared as they are (modules: {', '.join([type(model[0]).__name__, *further])})"
        )


def _processor(model: SentenceTransformer, part: str, name: str) -> Any:
    found = getattr(model[0].processor, part, None)
    if found is None or (part == "tokenizer" and not hasattr(found, "backend_tokenizer")):
        raise InvalidInput(f"{name} cannot be exported: its {part.replace('_', ' ')} is of an unknown kind")
    return found


def _image_recipe(processor: Mapping[str, Any], name: str) -> ImageRecipe:
    steps = {key for key, value in processor.items() if key.startswith("do_") and value}
    size = dict(processor.get("size") or {})
    crop = dict(processor.get("crop_size") or {}) if "do_center_crop" in steps else {}
    if steps - KNOWN_STEPS or "do_resize" not in steps or not _is_known(size):
        raise InvalidInput(
            f"{name} cannot be exported: its pictures are prepared in a way that is not known here "
            f"({', '.join(sorted(steps))}; size {size})"
        )
    exact = (int(size["width"]), int(size["height"])) if "height" in size else None
    return ImageRecipe(
        resample=int(processor["resample"]),
        shorter=None if exact else int(size["shortest_edge"]),
        size=exact,
        crop=(int(crop["width"]), int(crop["height"])) if crop else None,
    )


def _is_known(size: Mapping[str, object]) -> bool:
    return set(size) in ({"shortest_edge"}, {"height", "width"})


def _input_size(recipe: ImageRecipe, name: str) -> tuple[int, int]:
    size = recipe.crop or recipe.size
    edge = recipe.shorter
    if size is None or (recipe.crop and edge is not None and max(recipe.crop) > edge):
        raise InvalidInput(f"{name} cannot be exported: its pictures do not all get one size")
    return size[1], size[0]


def _text_recipe(model: SentenceTransformer, row: EncoderRow) -> TextRecipe:
    tokenizer = _processor(model, "tokenizer", row.name)
    lengths = {model.preprocess([text])["input_ids"].shape[1] for text in ("a", "a text of some words")}
    return TextRecipe(
        max_tokens=int(model.max_seq_length or tokenizer.model_max_length),
        pad=int(tokenizer.pad_token_id or 0),
        length=lengths.pop() if len(lengths) == 1 else 0,
        mask="attention_mask" in model.preprocess(["a"]),
        query_prompt=_prompt(row.query_prompt, model, "query"),
        document_prompt=_prompt(row.document_prompt, model, "document"),
    )


def _prompt(given: str | None, model: SentenceTransformer, verb: str) -> str:
    return (model.prompts.get(verb) or "") if given is None else given


def _write(
    tower: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    target: Path,
    axes: dict[str, dict[int, str]],
    name: str,
) -> None:
    with warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one five times slower that gives the same graph.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                tower.eval(),
                example,
                str(target),
                dynamo=False,
                opset_version=OPSET,
                input_names=list(axes),
                output_names=["vectors"],
                dynamic_axes={**axes, "vectors": {0: "n"}},
            )
        except Exception as error:  # torch raises classes of its own; a tower over 2 GiB ends here too
            raise InvalidInput(f"{name} cannot be exported: {error}") from error
