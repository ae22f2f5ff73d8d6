"""Models whose weights are in OpenCLIP's own format: XLM-RoBERTa with ViT-H/14, NLLB-CLIP …"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.encoders.batching import InOneThread
from rag.encoders.exported import digest
from rag.encoders.lengths import overlong
from rag.encoders.loading import first_line
from rag.encoders.normalising import normalised
from rag.encoders.overlap import overlapped
from rag.encoders.sentence_transformer import usable
from rag.errors import ModelUnavailable
from rag.images import as_pillow
from rag.models import OPEN_CLIP, encoder_row
from rag.once import once
from rag.types import Fingerprint, Matrix, Pixels

DEFAULT_BATCH = 32
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Parts:
    """A loaded model, and what makes its inputs. ``precision`` is what OpenCLIP calls it."""

    model: Any
    preprocess: Callable[[Any], Any]
    tokenizer: Any
    device: str
    precision: str


class OpenClipEncoder:
    """An ``ImageEncoder`` and a ``TextEncoder``, on CUDA in half precision where there is one.

    ``name`` is ``open_clip:ARCH/TAG``, as OpenCLIP lists its pretrained models, or ``open_clip:FOLDER`` with
    an ``open_clip_config.json`` and weights. Loads at first use; one forward pass at a time. Raises
    ModelUnavailable, naming the setting and the remedy, when the package or the model cannot be had.
    """

    def __init__(
        self, name: str, *, device: str = "auto", batch: int = 0, setting: str = "OLHAR_ENCODER"
    ) -> None:
        self._name = name
        self._place = name.removeprefix(OPEN_CLIP)
        self._wanted_device = device
        self._setting = setting
        self._batches = InOneThread(batch or DEFAULT_BATCH, model=name, setting=setting)
        self.languages = encoder_row(name).languages
        self._lock = threading.RLock()

    @property
    def device(self) -> str:
        return self._parts.device

    @once
    def fingerprint(self) -> Fingerprint:
        folder = Path(self._place)
        name = folder.name if folder.is_dir() else self._name
        return Fingerprint(name, self._weights, self._preprocessing, self.encode_documents(["a"]).shape[1])

    @once
    def logit_scale(self) -> float:
        return float(self._parts.model.logit_scale.detach().exp())

    @property
    def max_tokens(self) -> int:
        return int(self._parts.tokenizer.context_length)

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return overlong(texts, self.max_tokens, self._count)

    overlong_queries = overlong_documents

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Raises InvalidInput naming the place and shape of a picture that is none."""
        pictures = [as_pillow(usable(image, place)) for place, image in enumerate(images)]
        batches = overlapped(pictures, self._parts.preprocess, batch=self._batches.size)
        return self._unit([self._batches.encode(batch, self._see) for batch in batches])

    encode_image_queries = encode_images

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        """An empty text is encoded as a space, since some tokenizers make nothing of it."""
        clean = [text.encode("utf-8", "replace").decode() or " " for text in texts]
        return self._unit([self._batches.encode(clean, self._read)] if clean else [])

    encode_queries = encode_text_queries = encode_documents

    def _see(self, tensors: Sequence[Any]) -> Matrix:
        import torch

        parts = self._parts
        dtype = self._package.get_input_dtype(parts.precision)
        with self._lock, torch.inference_mode():
            batch = torch.stack(list(tensors)).to(parts.device, dtype)
            return _on_host(parts.model.encode_image(batch, normalize=True))

    def _read(self, texts: Sequence[str]) -> Matrix:
        import torch

        parts = self._parts
        with self._lock, torch.inference_mode():
            tokens = parts.tokenizer(list(texts)).to(parts.device)
            return _on_host(parts.model.encode_text(tokens, normalize=True))

    def _count(self, text: str) -> int:
        tokenizer = self._parts.tokenizer
        inner = getattr(tokenizer, "tokenizer", None)
        with self._lock:
            if inner is None:
                return len(tokenizer.encode(text)) + 2  # its beginning and its end are put around it later
            return len(inner(tokenizer.clean_fn(text))["input_ids"])

    def _unit(self, rows: Sequence[Matrix]) -> Matrix:
        if not rows:
            return np.zeros((0, self.fingerprint.dimension), np.float32)
        return normalised(np.concatenate(rows), self._name)

    @once
    def _package(self) -> Any:
        try:
            import open_clip
        except Exception as error:  # torchvision's operators raise classes of their own where they do not fit
            raise ModelUnavailable(
                f"{self._setting}={self._name} needs Olhar's extra open-clip (`pip install -e "
                f"'.[open-clip]'`), with a torchvision that was made for your torch: {first_line(error)}"
            ) from error
        return open_clip

    @once
    def _parts(self) -> Parts:
        package = self._package
        import torch

        device = self._wanted_device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        precision = "fp16" if device.startswith("cuda") else "fp32"
        model_name, tag = self._source
        try:
            model, preprocess = package.create_model_from_pretrained(
                model_name, tag, precision=precision, device=device
            )
            tokenizer = package.get_tokenizer(model_name)
        except Exception as error:  # OpenCLIP, the hub and torch each raise classes of their own
            raise ModelUnavailable(
                f"{self._setting}={self._name} cannot be loaded: {first_line(error)}. Give an architecture "
                "and a tag that OpenCLIP lists, connected to the hub once so that it is cached, or a folder "
                "with a whole model; OLHAR_ENCODER=compact needs no download"
            ) from error
        return Parts(model.eval(), preprocess, tokenizer, device, precision)

    @property
    def _source(self) -> tuple[str, str | None]:
        """The model as OpenCLIP calls it, and the tag of its weights."""
        if Path(self._place).is_dir():
            return f"local-dir:{self._place}", None
        architecture, _, tag = self._place.partition("/")
        if not architecture or not tag:
            raise ModelUnavailable(
                f"{self._setting}={self._name}: {self._place} is neither a folder nor ARCH/TAG, such as "
                f"{OPEN_CLIP}xlm-roberta-large-ViT-H-14/frozen_laion5b_s13b_b90k"
            )
        return architecture, tag

    @once
    def _weights(self) -> str:
        """SHA-256 of the file of weights; of a folder, of all its files."""
        source, tag = self._source
        if tag is None:
            found = hashlib.sha256()
            for path in sorted(path for path in Path(self._place).rglob("*") if path.is_file()):
                found.update(f"{path.relative_to(self._place).as_posix()} {digest(path)}\n".encode())
            return found.hexdigest()
        path = Path(
            self._package.download_pretrained(self._package.get_pretrained_cfg(source, tag))
        ).resolve()
        # The hub's cache names a large file by its hash.
        return path.name if SHA256.fullmatch(path.name) else digest(path)

    @once
    def _preprocessing(self) -> str:
        """What else fixes the space."""
        parts = self._parts
        settings = json.dumps(
            [parts.model.visual.preprocess_cfg, self.max_tokens], sort_keys=True, default=str
        )
        return f"open_clip/{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def _on_host(vectors: Any) -> Matrix:
    return np.asarray(vectors.float().cpu().numpy(), np.float32)
