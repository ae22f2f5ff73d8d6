"""From a model's name or folder to a loaded ``SentenceTransformer``, or an error that says what to do."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from rag.errors import ModelUnavailable
from rag.models import CLAP, IMAGEBIND, OPEN_CLIP, EncoderRow

FIXED_WIDTH = frozenset({"siglip", "siglip2"})
"""Architectures that read a text's vector off the last position, so that padding is part of the input.

They were trained on texts padded to their whole context. sentence-transformers pads to the longest of the
batch, which gives one text another vector in every company.
"""


OUR_NOTES = frozenset({"report.json"})
"""Files of a tuned folder that say how long it took, and are no part of the model."""


def load(name: str, row: EncoderRow, *, device: str, setting: str, packaged: str) -> Any:
    """The model, on ``device`` (``auto``: CUDA where there is one), in half precision on CUDA.

    ``packaged`` is the value of ``setting`` that needs no download. Raises ModelUnavailable, naming the
    setting and the remedy, when a package is missing, when the model wants to run code from the hub, or when
    it is neither a whole folder nor to be had from the hub.
    """
    _check_row(name, row, setting)
    import torch
    from sentence_transformers import SentenceTransformer

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        model = SentenceTransformer(name, device=device)
    except (
        Exception
    ) as error:  # the hub, the tokenizer, safetensors and torch each raise classes of their own
        raise ModelUnavailable(
            f"{setting}={name} cannot be loaded: {first_line(error)}. Give a folder that holds the whole "
            f"model, or connect to the hub once so that it is cached (delete a damaged copy first); "
            f"{setting}={packaged} needs no download"
        ) from error
    _fix_width(model)
    if device.startswith("cuda") and next(model.parameters()).dtype == torch.float32:
        model = model.half()
    return model


def revision(name: str, model: Any) -> str:
    """What fixes the weights: a digest of a folder's files, the hub's commit, or ``unversioned``."""
    folder = Path(name)
    if folder.is_dir():
        return folder_digest(folder)
    config = getattr(getattr(model[0], "model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or "unversioned")


def width(model: Any) -> int:
    """How many tokens every text is padded to; 0 when only to the longest of its batch."""
    text = getattr(model[0], "processing_kwargs", {}).get("text", {})
    return int(text.get("max_length", 0)) if text.get("padding") == "max_length" else 0


def _check_row(name: str, row: EncoderRow, setting: str) -> None:
    if name.startswith((OPEN_CLIP, CLAP, IMAGEBIND)):
        raise ModelUnavailable(
            f"{setting}={name}: weights of OpenCLIP, CLAP and ImageBind are for encoding by OLHAR_ENCODER; "
            "they are neither tuned nor exported, nor used for captions alone"
        )
    missing = [package for package in row.needs if importlib.util.find_spec(package) is None]
    if missing:
        raise ModelUnavailable(
            f"{setting}={name} needs the package {' and '.join(missing)}, which Olhar does not install: "
            f"`pip install {' '.join(missing)}`, in the version made for your torch"
        )
    if row.hub_code:
        raise ModelUnavailable(
            f"{setting}={name} comes with program code of its own, which Olhar does not run; choose another: "
            f"`olhar models` lists some"
        )


def _fix_width(model: Any) -> None:
    first = model[0]
    config: Any = getattr(getattr(first, "model", None), "config", None)
    if getattr(config, "model_type", "") not in FIXED_WIDTH:
        return
    context = int(config.text_config.max_position_embeddings)
    text = {**first.processing_kwargs.get("text", {}), "padding": "max_length", "max_length": context}
    first.processing_kwargs = {**first.processing_kwargs, "text": text}


def folder_digest(folder: Path) -> str:
    """SHA-256 over the weights and configurations in a folder, by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name in OUR_NOTES:
            continue
        if path.is_file() and path.suffix in {".safetensors", ".bin", ".json", ".model", ".txt"}:
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def first_line(error: Exception) -> str:
    """What an error says, short enough to stand in a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
