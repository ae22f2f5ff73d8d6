"""An exported model of two towers (CLIP, SigLIP …) through ONNX Runtime, on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

from rag.encoders.exported import ImageRecipe, Manifest, TextRecipe, check_files, read_manifest
from rag.encoders.lengths import overlong
from rag.encoders.overlap import overlapped
from rag.encoders.sessions import open_session
from rag.errors import InvalidInput, ModelUnavailable
from rag.images import as_pillow
from rag.once import once
from rag.types import Fingerprint, Matrix, Pixels

IMAGE_TOWER = "image.onnx"
TEXT_TOWER = "text.onnx"
TOKENIZER = "tokenizer.json"
IMAGE_BATCH = 8
"""Larger ones are little faster on CPUs, and what waits for them waits longer."""
TEXT_BATCH = 8
"""Texts of like length go together; in larger batches more is padding than speed is gained."""


class OnnxDualEncoder:
    """An ``ImageEncoder`` and a ``TextEncoder`` from a folder of ``olhar export``.

    Loads at first use; safe to use from several threads. Raises ModelUnavailable, naming the setting
    and the remedy, when the folder is not whole.
    """

    device = "cpu"

    def __init__(self, folder: Path, *, batch: int = 0, setting: str = "OLHAR_ENCODER") -> None:
        self._folder = folder
        self._batch = batch or IMAGE_BATCH
        self._setting = setting
        self._lock = threading.RLock()

    @property
    def fingerprint(self) -> Fingerprint:
        return self._manifest.fingerprint

    @property
    def logit_scale(self) -> float:
        return self._manifest.logit_scale

    @property
    def languages(self) -> tuple[str, ...]:
        return self._manifest.languages

    @property
    def max_tokens(self) -> int:
        return self._recipe.max_tokens

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        return self._overlong(texts, self._recipe.document_prompt)

    def overlong_queries(self, texts: Sequence[str]) -> dict[int, int]:
        return self._overlong(texts, self._recipe.query_prompt)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        tower, recipe = self._image
        batches = overlapped(images, lambda pixels: prepare(pixels, recipe), batch=self._batch)
        found = [tower.run(None, {"pixels": np.stack(batch)})[0] for batch in batches]
        return self._unit(found)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self.encode_images(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts, self._recipe.query_prompt)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts, self._recipe.query_prompt)

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts, self._recipe.document_prompt)

    def _overlong(self, texts: Sequence[str], prompt: str) -> dict[int, int]:
        whole = [prompt + text for text in texts]
        return overlong(whole, self.max_tokens, lambda text: len(self._counter.encode(text).ids))

    def _texts(self, texts: Sequence[str], prompt: str) -> Matrix:
        tower, tokenizer = self._text
        # As the original does: some tokenizers make nothing of an empty text.
        clean = [prompt + (text.encode("utf-8", "replace").decode() or " ") for text in texts]
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(clean)]
        vectors = np.zeros((len(texts), self.fingerprint.dimension), np.float32)
        # Texts of like length go together, so that little is spent on padding.
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), TEXT_BATCH):
            some = order[start : start + TEXT_BATCH]
            vectors[some] = tower.run(None, padded([tokens[i] for i in some], self._recipe))[0]
        return self._unit([vectors])

    def _unit(self, parts: Sequence[NDArray[Any]]) -> Matrix:
        rows = np.concatenate([np.zeros((0, self.fingerprint.dimension), np.float32), *parts])
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms == 0).any():
            raise InvalidInput(f"{self._folder} gave a vector that is zero or not finite; export it again")
        return np.asarray(rows / norms, np.float32)

    @once
    def _manifest(self) -> Manifest:
        return read_manifest(self._folder, setting=self._setting)

    @once
    def _whole(self) -> Manifest:
        check_files(self._folder, self._manifest, setting=self._setting)
        return self._manifest

    @once
    def _image(self) -> tuple[InferenceSession, ImageRecipe]:
        with self._lock:
            recipe = self._whole.image
            assert recipe is not None
            return self._session(IMAGE_TOWER), recipe

    @once
    def _text(self) -> tuple[InferenceSession, Tokenizer]:
        with self._lock:
            tokenizer = self._tokenizer()
            tokenizer.enable_truncation(self._recipe.max_tokens)
            return self._session(TEXT_TOWER), tokenizer

    @once
    def _recipe(self) -> TextRecipe:
        recipe = self._whole.text
        assert recipe is not None
        return recipe

    @once
    def _counter(self) -> Tokenizer:
        tokenizer = self._tokenizer()
        tokenizer.no_truncation()
        return tokenizer

    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(self._folder / TOKENIZER))
        tokenizer.no_padding()
        return tokenizer

    def _session(self, name: str) -> InferenceSession:
        path = self._folder / name
        try:
            return open_session(path)
        except Exception as error:  # ONNX Runtime raises classes of its own without a public base
            raise ModelUnavailable(
                f"{self._setting}={self._folder}: {name} cannot be loaded ({error}); export the model again"
            ) from error


def prepare(pixels: Pixels, recipe: ImageRecipe) -> Pixels:
    """The image tower's input for one picture, uint8, shape (height, width, 3)."""
    image = as_pillow(pixels)
    size = recipe.size or image.size
    if recipe.shorter is not None:
        width, height = image.size
        short, long = min(width, height), max(width, height)
        longer = int(recipe.shorter * long / short)
        size = (recipe.shorter, longer) if width <= height else (longer, recipe.shorter)
    if image.size != size:
        image = image.resize(size, recipe.resample)
    if recipe.crop is not None and image.size != recipe.crop:
        left, top = (size[0] - recipe.crop[0]) // 2, (size[1] - recipe.crop[1]) // 2
        image = image.crop((left, top, left + recipe.crop[0], top + recipe.crop[1]))
    return np.array(image, dtype=np.uint8)


def padded(tokens: Sequence[Sequence[int]], recipe: TextRecipe) -> dict[str, NDArray[np.int64]]:
    """The text tower's inputs, shape (n, t) each: ids, and where it looks at one the mask."""
    length = recipe.length or max(map(len, tokens))
    ids = np.full((len(tokens), length), recipe.pad, np.int64)
    mask = np.zeros_like(ids)
    for row, some in enumerate(tokens):
        ids[row, : len(some)] = some
        mask[row, : len(some)] = 1
    return {"ids": ids, "mask": mask} if recipe.mask else {"ids": ids}
