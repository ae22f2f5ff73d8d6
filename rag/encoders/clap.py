"""Models that hear: texts and sounds in one space, by CLAP (Wu et al. 2023, arXiv 2211.06687)."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from rag.encoders.batching import InOneThread
from rag.encoders.lengths import overlong
from rag.encoders.loading import first_line, folder_digest
from rag.encoders.normalising import normalised
from rag.errors import InvalidInput, ModelUnavailable
from rag.models import CLAP, encoder_row
from rag.once import once
from rag.types import SOUND_RATE, Fingerprint, Matrix, Pixels, Sound

DEFAULT_BATCH: Final = 8
FULL: Final = 32_768.0
"""The largest sample of 16 bits."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A loaded model, and what makes its inputs."""

    model: Any
    listener: Any
    tokenizer: Any


class ClapEncoder:
    """Stands where an ``ImageEncoder`` stands, and is a ``TextEncoder``; it hears, and sees nothing.

    ``name`` is ``clap:`` and a model's name on the hub or its folder. Loads at first use; one forward pass at
    a time. Raises ModelUnavailable, naming the setting and the remedy, when the model cannot be had, and
    InvalidInput for pictures.
    """

    hears = True
    sees = False

    def __init__(
        self, name: str, *, device: str = "auto", batch: int = 0, setting: str = "OLHAR_ENCODER"
    ) -> None:
        self._name = name
        self._place = name.removeprefix(CLAP)
        self._wanted_device = device
        self._setting = setting
        self._batches = InOneThread(batch or DEFAULT_BATCH, model=name, setting=setting)
        self.languages = encoder_row(name).languages
        self._lock = threading.RLock()

    @property
    def device(self) -> str:
        return str(self._parts.model.device)

    @once
    def fingerprint(self) -> Fingerprint:
        folder = Path(self._place)
        parts = self._parts
        weights = (
            folder_digest(folder)
            if folder.is_dir()
            else str(getattr(parts.model.config, "_commit_hash", None) or "unversioned")
        )
        listening = json.dumps(parts.listener.to_dict(), sort_keys=True, default=str)
        preprocessing = f"clap/{hashlib.sha256(listening.encode()).hexdigest()[:8]}"
        return Fingerprint(
            folder.name if folder.is_dir() else self._name,
            weights,
            preprocessing,
            int(parts.model.config.projection_dim),
        )

    @once
    def logit_scale(self) -> float:
        return float(self._parts.model.logit_scale_t.detach().exp())

    @property
    def max_tokens(self) -> int:
        parts = self._parts
        positions = parts.model.config.text_config.max_position_embeddings
        return int(min(parts.tokenizer.model_max_length, positions - 2))

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return overlong(texts, self.max_tokens, self._count)

    overlong_queries = overlong_documents

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        """Each the mean of its windows' vectors, normalised."""
        if not sounds:
            return self._none()
        vectors = self._batches.encode([window for sound in sounds for window in sound], self._listen)
        ends = np.cumsum([len(sound) for sound in sounds])[:-1]
        return self._unit(np.stack([self._unit(some).mean(axis=0) for some in np.split(vectors, ends)]))

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Raises InvalidInput: it cannot see."""
        if not images:
            return self._none()
        raise InvalidInput(
            f"{self._setting}={self._name} hears and does not see; choose an encoder for pictures"
        )

    encode_image_queries = encode_images

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        clean = [text.encode("utf-8", "replace").decode() or " " for text in texts]
        return self._unit(self._batches.encode(clean, self._read)) if clean else self._none()

    encode_queries = encode_text_queries = encode_documents

    def _listen(self, windows: Sequence[Any]) -> Matrix:
        import torch

        parts = self._parts
        waves = [np.asarray(window, np.float32) / FULL for window in windows]
        fused = parts.model.config.audio_config.enable_fusion
        inputs = parts.listener(
            waves,
            sampling_rate=SOUND_RATE,
            truncation="fusion" if fused else "rand_trunc",
            return_tensors="pt",
        )
        # No window is longer than what is heard at a time; of a batch one would be called so, by chance.
        inputs["is_longer"] = torch.zeros((len(waves), 1), dtype=torch.bool)
        return self._forward(parts.model.get_audio_features, inputs)

    def _read(self, texts: Sequence[str]) -> Matrix:
        parts = self._parts
        with self._lock:
            inputs = parts.tokenizer(
                list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
            )
        return self._forward(parts.model.get_text_features, inputs)

    def _forward(self, features: Callable[..., Any], inputs: Any) -> Matrix:
        import torch

        with self._lock, torch.inference_mode():
            found = features(**{name: tensor.to(self.device) for name, tensor in inputs.items()})
            vectors = getattr(found, "pooler_output", found)  # a tensor before version 5 of transformers
            return np.asarray(vectors.float().cpu().numpy(), np.float32)

    def _count(self, text: str) -> int:
        with self._lock:
            return len(self._parts.tokenizer(text, verbose=False)["input_ids"])

    def _none(self) -> Matrix:
        return np.zeros((0, self.fingerprint.dimension), np.float32)

    def _unit(self, rows: Matrix) -> Matrix:
        return normalised(rows, self._name)

    @once
    def _parts(self) -> Parts:
        import torch
        from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

        device = self._wanted_device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            model: Any = ClapModel.from_pretrained(self._place)
            listener = ClapFeatureExtractor.from_pretrained(self._place)
            tokenizer = AutoTokenizer.from_pretrained(self._place)
        except Exception as error:  # the hub, the tokenizer and torch each raise classes of their own
            raise ModelUnavailable(
                f"{self._setting}={self._name} cannot be loaded: {first_line(error)}. Give a folder that "
                "holds the whole model, or connect to the hub once so that it is cached; "
                f"{self._setting}=compact needs no download, and sees"
            ) from error
        return Parts(model.to(device).eval(), listener, tokenizer)
