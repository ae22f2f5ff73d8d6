"""Any model that sentence-transformers can load: CLIP, SigLIP 2, Qwen3-Embedding, E5 …"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.encoders.batching import InOneThread
from rag.encoders.lengths import overlong
from rag.encoders.loading import load, revision, width
from rag.encoders.normalising import normalised
from rag.errors import InvalidInput, ModelUnavailable
from rag.images import as_pillow
from rag.models import EncoderRow, encoder_row
from rag.once import once
from rag.types import Fingerprint, Matrix, Pixels

DEFAULT_BATCH = 32
CPU_TEXTS = 8
"""Texts of like length that go together on a processor: more are no faster, and have more padding."""
DEFAULT_LOGIT_SCALE = 100.0
"""What CLIP's training converges to and is clipped at (Radford et al. 2021, section 2.5)."""
NO_LIMIT = 10**6
"""Tokens: a tokenizer that knows no limit names a number beyond this."""
QUERY_PROMPTS = ("query",)
DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""What sentence-transformers calls a model's own prompts, the first that there is counts."""
MAX_ASPECT = 50
"""Longer pictures lose their ends: a model that scales the short side up would make gigabytes of them."""


class SentenceTransformerEncoder:
    """An ``ImageEncoder`` and a ``TextEncoder``, on CUDA in half precision where there is one.

    Loads at first use; one forward pass at a time. Prompts, languages and the name of the image side come
    from the model's row in ``rag.models``. Raises ModelUnavailable, naming the setting and the remedy, when
    the model is neither a folder nor to be had from the hub, has no image side where one is needed, or gives
    vectors of another size than its row says.
    """

    def __init__(
        self,
        name: str,
        *,
        row: EncoderRow | None = None,
        device: str = "auto",
        batch: int = 0,
        languages: tuple[str, ...] | None = None,
        setting: str = "OLHAR_ENCODER",
        needs_images: bool = True,
    ) -> None:
        self._name = name
        self._row = row or encoder_row(name)
        self._wanted_device = device
        self._setting = setting
        self._needs_images = needs_images
        self._batches = InOneThread(batch or DEFAULT_BATCH, model=name, setting=setting)
        self.languages = self._row.languages if languages is None else languages
        self._lock = threading.RLock()

    @property
    def device(self) -> str:
        return str(self._model.device)

    @once
    def fingerprint(self) -> Fingerprint:
        folder = Path(self._name)
        name = folder.name if folder.is_dir() else self._name
        weights = revision(self._name, self._model)
        if self._row.images_from and self._needs_images:
            weights += "+" + revision(self._row.images_from, self._image_model)
        dimension = int(self._texts(["a"], self._row.document_prompt).shape[1])
        return Fingerprint(name, weights, self._preprocessing, dimension)

    @once
    def logit_scale(self) -> float:
        for module in self._image_model.modules():
            scale = getattr(module, "logit_scale", None)
            if scale is not None:
                return float(scale.detach().exp())
        return DEFAULT_LOGIT_SCALE

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Raises InvalidInput naming the place and shape of a picture that is none."""
        pictures = [as_pillow(usable(image, place)) for place, image in enumerate(images)]
        return self._encode(self._image_model, pictures, self._row.image_prompt)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self.encode_images(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts, self._row.query_prompt, query=True)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts, self._row.query_prompt, query=True)

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts, self._row.document_prompt)

    @property
    def max_tokens(self) -> int:
        limit = int(self._model.max_seq_length or 0)
        return limit if limit < NO_LIMIT else 0

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return self._overlong(texts, self._row.document_prompt, DOCUMENT_PROMPTS)

    def overlong_queries(self, texts: Sequence[str]) -> dict[int, int]:
        return self._overlong(texts, self._row.query_prompt, QUERY_PROMPTS)

    def _overlong(self, texts: Sequence[str], prompt: str | None, names: Sequence[str]) -> dict[int, int]:
        if prompt is None:
            own = self._model.prompts
            prompt = next((own[name] for name in names if name in own), "")
        return overlong([prompt + text for text in texts], self.max_tokens, self._count)

    def _count(self, text: str) -> int:
        # The tokenizer keeps what it is told about truncation, and forward passes tell it.
        with self._lock:
            return len(self._model.tokenizer(text, verbose=False)["input_ids"])

    def _texts(self, texts: Sequence[str], prompt: str | None, *, query: bool = False) -> Matrix:
        """An empty text is encoded as a space, since some tokenizers make nothing of it."""
        return self._encode(self._model, [text or " " for text in texts], prompt, query=query)

    def _encode(
        self, model: Any, inputs: Sequence[Any], prompt: str | None, *, query: bool = False
    ) -> Matrix:
        with self._lock:
            if not inputs:
                return np.zeros((0, self.fingerprint.dimension), np.float32)
            verb = model.encode_query if query else model.encode_document
            texts = isinstance(inputs[0], str)
            most = CPU_TEXTS if texts and self.device == "cpu" else len(inputs)

            def forward(batch: Sequence[Any]) -> Matrix:
                vectors = verb(
                    list(batch),
                    prompt=prompt,
                    batch_size=min(len(batch), most),
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
                return np.asarray(vectors, np.float32)

            matrix = self._batches.encode(inputs, forward)
        self._check_dimension(matrix.shape[1])
        return normalised(matrix, self._name)

    def _check_dimension(self, dimension: int) -> None:
        """The row's dimension holds for pictures and texts alike; without a row, the first one seen."""
        expected = self._row.dimension or self.__dict__.setdefault("_dimension", dimension)
        if dimension != expected:
            raise ModelUnavailable(
                f"{self._setting}={self._name} gave vectors of {dimension} numbers where {expected} are "
                f"expected: this is not the model it is named after, or its halves do not belong together"
            )

    @once
    def _preprocessing(self) -> str:
        """What else fixes the space: the padding, and the prompts that the row gives."""
        parts = ["sentence-transformers"]
        if width(self._model):
            parts.append(f"width {width(self._model)}")
        prompts = (self._row.query_prompt, self._row.document_prompt, self._row.image_prompt)
        if any(prompts):
            parts.append("prompts " + hashlib.sha256(repr(prompts).encode()).hexdigest()[:8])
        return "/".join(parts)

    @once
    def _model(self) -> Any:
        with self._lock:
            if self._needs_images and not self._row.images:
                raise self._without_images()
            model = self._load(self._name)
            if self._needs_images and not self._row.images_from and not model.supports("image"):
                raise self._without_images()
            return model

    @once
    def _image_model(self) -> Any:
        with self._lock:
            return self._load(self._row.images_from) if self._row.images_from else self._model

    def _load(self, name: str) -> Any:
        packaged = "compact" if self._needs_images else "minilm"
        return load(name, self._row, device=self._wanted_device, setting=self._setting, packaged=packaged)

    def _without_images(self) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self._setting}={self._name} encodes no images; choose a CLIP-like model or `compact` "
            f"(OLHAR_TEXT_ENCODER takes models of texts alone)"
        )


def usable(image: Pixels, place: int) -> Pixels:
    """The picture, without its ends when it is thinner than 1 : MAX_ASPECT. Raises InvalidInput when it is
    none.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise InvalidInput(
            f"picture {place} is an array of {image.dtype} of shape {image.shape}; needed is uint8 of shape "
            f"(height, width, 3), neither of them 0"
        )
    high, wide = image.shape[:2]
    keep = MAX_ASPECT * min(high, wide)
    top, left = max(0, (high - keep) // 2), max(0, (wide - keep) // 2)
    return image[top : top + keep, left : left + keep]
