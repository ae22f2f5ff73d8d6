"""An encoder under another fingerprint."""

from __future__ import annotations

from collections.abc import Sequence

from rag.protocols import ImageEncoder
from rag.types import Fingerprint, Matrix, Pixels


class Relabelled:
    """An ``ImageEncoder`` that is another one with its weights rounded, and says so."""

    def __init__(self, encoder: ImageEncoder, fingerprint: Fingerprint) -> None:
        self._encoder = encoder
        self.fingerprint = fingerprint

    @property
    def logit_scale(self) -> float:
        return self._encoder.logit_scale

    @property
    def languages(self) -> tuple[str, ...]:
        return self._encoder.languages

    @property
    def device(self) -> str:
        return self._encoder.device

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return self._encoder.encode_images(images)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self._encoder.encode_image_queries(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encoder.encode_text_queries(texts)
