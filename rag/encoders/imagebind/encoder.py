"""The encoder: pictures, texts and sounds to vectors of one space."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from rag.encoders.batching import InOneThread
from rag.encoders.exported import digest
from rag.encoders.imagebind.checkpoint import Network, network, tensors_of
from rag.encoders.imagebind.files import files_of
from rag.encoders.imagebind.mel import CLIPS, clips
from rag.encoders.imagebind.words import digest_of, tokenizer_in
from rag.encoders.lengths import overlong
from rag.encoders.loading import first_line
from rag.encoders.normalising import normalised
from rag.encoders.overlap import overlapped
from rag.encoders.sentence_transformer import usable
from rag.errors import ModelUnavailable
from rag.images import resize
from rag.models import IMAGEBIND, encoder_row
from rag.once import once
from rag.types import Fingerprint, Matrix, Pixels, Sound

DEFAULT_BATCH: Final = 16
MEAN: Final = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
DEVIATION: Final = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)
"""Of red, green and blue in [0, 1], as CLIP has them."""
PREPROCESSING: Final = "imagebind/1"
SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Parts:
    """A loaded model, what makes its texts' inputs, and the file it came from."""

    net: Network
    tokenizer: Any
    weights: Path
    device: str
    number: torch.dtype


class ImageBindEncoder:
    """An ``ImageEncoder`` and a ``TextEncoder`` that hears, on CUDA in half precision where there is one.

    ``name`` is ``imagebind:FOLDER``, with a file of weights and CLIP's tokenizer, or ``imagebind:`` and a
    name on the hub. Loads at first use; one forward pass at a time. Raises ModelUnavailable, naming the
    setting and the remedy, when the model cannot be had.
    """

    def __init__(
        self, name: str, *, device: str = "auto", batch: int = 0, setting: str = "OLHAR_ENCODER"
    ) -> None:
        self._name = name
        self._place = name.removeprefix(IMAGEBIND)
        self._wanted_device = device
        self._setting = setting
        self._batches = InOneThread(batch or DEFAULT_BATCH, model=name, setting=setting)
        row = encoder_row(name)
        self.languages, self.hears, self.sees = row.languages, row.sounds, row.images
        self._lock = threading.RLock()

    @property
    def device(self) -> str:
        return self._parts.device

    @once
    def fingerprint(self) -> Fingerprint:
        parts = self._parts
        folder = Path(self._place)
        return Fingerprint(
            folder.name if folder.exists() else self._name,
            _digest(parts.weights),
            f"{PREPROCESSING}/{digest_of(parts.tokenizer)}",
            parts.net.dimension,
        )

    @property
    def logit_scale(self) -> float:
        return self._parts.net.logit_scale

    @property
    def max_tokens(self) -> int:
        return self._parts.net.context

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return overlong(texts, self.max_tokens, self._count)

    overlong_queries = overlong_documents

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Raises InvalidInput naming the place and shape of a picture that is none."""
        pictures = [usable(image, place) for place, image in enumerate(images)]
        batches = overlapped(pictures, self._prepared, batch=self._batches.size)
        return self._unit([self._batches.encode(batch, self._see) for batch in batches])

    encode_image_queries = encode_images

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return self._unit([self._batches.encode(clean, self._read)] if clean else [])

    encode_queries = encode_text_queries = encode_documents

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        """Each the mean of its clips' vectors, normalised: three clips of two seconds of each window."""
        windows = [window for sound in sounds for window in sound]
        heard = overlapped(windows, clips, batch=self._batches.size)
        rows = [self._batches.encode(list(torch.cat(some)), self._listen) for some in heard]
        if not rows:
            return self._unit([])
        ends = np.cumsum([CLIPS * len(sound) for sound in sounds])[:-1]
        means = [self._unit([some]).mean(axis=0) for some in np.split(np.concatenate(rows), ends)]
        return self._unit([np.stack(means)])

    def _prepared(self, picture: Pixels) -> Tensor:
        """The middle of a picture, its short side as long as the model sees."""
        side = self._parts.net.side
        high, wide = picture.shape[:2]
        short = min(high, wide)
        small = resize(picture, (int(side * wide / short), int(side * high / short)))
        top, left = (round((edge - side) / 2) for edge in small.shape[:2])
        middle = small[top : top + side, left : left + side].astype(np.float32) / 255
        return torch.from_numpy((middle - MEAN) / DEVIATION).permute(2, 0, 1)

    def _see(self, pictures: Sequence[Tensor]) -> Matrix:
        net = self._parts.net
        still = torch.stack(list(pictures)).unsqueeze(2).expand(-1, -1, net.frames, -1, -1)
        return self._forward(net.vision, still)

    def _listen(self, heard: Sequence[Tensor]) -> Matrix:
        return self._forward(self._parts.net.audio, torch.stack(list(heard)))

    def _forward(self, tower: Callable[[Tensor], Tensor], inputs: Tensor) -> Matrix:
        parts = self._parts
        with self._lock, torch.inference_mode():
            return _on_host(tower(inputs.to(parts.device, parts.number)))

    def _read(self, texts: Sequence[str]) -> Matrix:
        parts = self._parts
        with self._lock, torch.inference_mode():
            read = parts.tokenizer(
                list(texts), padding=True, truncation=True, max_length=parts.net.context, return_tensors="pt"
            )
            ends = read["attention_mask"].sum(dim=1) - 1
            return _on_host(parts.net.text(read["input_ids"].to(parts.device), ends.to(parts.device)))

    def _count(self, text: str) -> int:
        with self._lock:
            return len(self._parts.tokenizer(text, verbose=False)["input_ids"])

    def _unit(self, rows: Sequence[Matrix]) -> Matrix:
        if not rows:
            return np.zeros((0, self.fingerprint.dimension), np.float32)
        return normalised(np.concatenate(rows), self._name)

    @once
    def _parts(self) -> Parts:
        try:
            return self._loaded()
        except Exception as error:  # the hub, the tokenizer, safetensors and torch raise classes of their own
            raise ModelUnavailable(
                f"{self._setting}={self._name} cannot be loaded: {first_line(error)}. Give a folder with "
                "imagebind_huge.pth and the tokenizer of one of OpenAI's CLIPs (docs/models.md), or a name "
                "on the hub, connected to it once so that it is cached; "
                f"{self._setting}=compact needs no download"
            ) from error

    def _loaded(self) -> Parts:
        device = self._wanted_device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        number = torch.float16 if device.startswith("cuda") else torch.float32
        weights, words = files_of(self._place)
        tokenizer = tokenizer_in(words)
        net = network(tensors_of(weights))
        if len(tokenizer) > net.words:
            raise ModelUnavailable(
                f"its tokenizer knows {len(tokenizer)} words, and its weights {net.words}: they do not "
                "belong together"
            )
        for tower in net.towers:
            tower.eval().to(device, number)
        return Parts(net, tokenizer, weights, device, number)


def _digest(path: Path) -> str:
    """SHA-256 of a file, after which the hub's client names what it keeps."""
    kept = path.resolve().name
    return kept if SHA256.fullmatch(kept) else digest(path)


def _on_host(vectors: Tensor) -> Matrix:
    return np.asarray(vectors.float().cpu().numpy(), np.float32)
