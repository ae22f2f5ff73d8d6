"""Any CLIP-like model that sentence-transformers can load: CLIP, SigLIP2, jina-clip, Qwen3-VL-Embedding …"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import InvalidInput, ModelUnavailable
from rag.images import as_pillow
from rag.types import Fingerprint, Matrix, Pixels

DEFAULT_BATCH = 32
DEFAULT_LOGIT_SCALE = 100.0
"""What CLIP's training converges to and is clipped at (Radford et al. 2021, section 2.5)."""


class SentenceTransformerEncoder:
    """An ``ImageEncoder`` and a ``TextEncoder``, on CUDA in half precision where there is one.

    Loads at first use; one forward pass at a time. Raises ModelUnavailable, naming the setting and the
    remedy, when the model is neither a folder nor to be had from the hub, or has no image side.
    """

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        batch: int = 0,
        languages: tuple[str, ...] = (),
        setting: str = "OLHAR_ENCODER",
        needs_images: bool = True,
    ) -> None:
        self._name = name
        self._wanted_device = device
        self._batch = batch or DEFAULT_BATCH
        self._setting = setting
        self._needs_images = needs_images
        self.languages = languages
        self._lock = threading.RLock()

    @property
    def device(self) -> str:
        return str(self._model.device)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        folder = Path(self._name)
        name = folder.name if folder.is_dir() else self._name
        weights = _folder_digest(folder) if folder.is_dir() else self._revision()
        dimension = int(self._encode(["a"]).shape[1])
        return Fingerprint(name, weights, "sentence-transformers", dimension)

    @cached_property
    def logit_scale(self) -> float:
        for module in self._model.modules():
            scale = getattr(module, "logit_scale", None)
            if scale is not None:
                return float(scale.detach().exp())
        return DEFAULT_LOGIT_SCALE

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return self._encode([as_pillow(image) for image in images])

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self._encode([as_pillow(image) for image in images], query=True)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encode(list(texts), query=True)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encode(list(texts), query=True)

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return self._encode(list(texts))

    def _encode(self, inputs: Sequence[Any], *, query: bool = False) -> Matrix:
        with self._lock:
            if not inputs:
                return np.zeros((0, self.fingerprint.dimension), np.float32)
            verb = self._model.encode_query if query else self._model.encode_document
            vectors = verb(
                list(inputs), batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
            )
        matrix = np.asarray(vectors, np.float32)
        # Half precision leaves norms a few thousandths off one.
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms == 0).any():
            raise InvalidInput(f"{self._name} gave a vector that is zero or not finite; choose another model")
        return np.asarray(matrix / norms, np.float32)

    @cached_property
    def _model(self) -> Any:
        with self._lock:
            return self._load()

    def _load(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer

        device = self._wanted_device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            model = SentenceTransformer(self._name, device=device)
        except Exception as error:  # the hub, the tokenizer and torch each raise classes of their own
            raise ModelUnavailable(
                f"{self._setting}={self._name} cannot be loaded: {_first_line(error)}. Give a folder "
                f"that holds the model, connect to the hub once so that it is cached, or set "
                f"{self._setting}=compact"
            ) from error
        if self._needs_images and not model.supports("image"):
            raise ModelUnavailable(
                f"{self._setting}={self._name} encodes no images; choose a CLIP-like model or `compact`"
            )
        return model.half() if device.startswith("cuda") else model

    def _revision(self) -> str:
        config = getattr(getattr(self._model[0], "model", None), "config", None)
        return str(getattr(config, "_commit_hash", None) or "unversioned")


def _folder_digest(folder: Path) -> str:
    """SHA-256 over the weights and configurations in a folder, by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".safetensors", ".bin", ".json", ".model", ".txt"}:
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
