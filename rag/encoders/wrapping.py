"""What a wrapper of an encoder hands on unchanged; it overrides what it is there for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.errors import InvalidInput
from rag.protocols import Agreeing, Hearing, ImageEncoder, Naming, TextEncoder, WordByWord
from rag.types import Fingerprint, Matrix, Pixels, Sound, Vector


class WrappedImageEncoder:
    """An ``ImageEncoder`` that is another one."""

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder = encoder

    @property
    def fingerprint(self) -> Fingerprint:
        return self._encoder.fingerprint

    @property
    def logit_scale(self) -> float:
        return self._encoder.logit_scale

    @property
    def languages(self) -> tuple[str, ...]:
        return self._encoder.languages

    @property
    def device(self) -> str:
        return self._encoder.device

    @property
    def max_tokens(self) -> int:
        return self._encoder.max_tokens

    def overlong_queries(self, texts: Sequence[str]) -> Mapping[int, int]:
        return self._encoder.overlong_queries(texts)

    def not_understood(self, text: str) -> tuple[str, ...]:
        return self._encoder.not_understood(text) if isinstance(self._encoder, WordByWord) else ()

    def named(self, queries: Matrix, images: Matrix) -> Matrix | None:
        return self._encoder.named(queries, images) if isinstance(self._encoder, Naming) else None

    @property
    def hears(self) -> bool:
        return isinstance(self._encoder, Hearing) and self._encoder.hears

    @property
    def sees(self) -> bool:
        return not isinstance(self._encoder, Hearing) or self._encoder.sees

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        if not isinstance(self._encoder, Hearing):
            raise InvalidInput("the encoder does not hear; choose one that does (OLHAR_ENCODER)")
        return self._encoder.encode_sounds(sounds)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return self._encoder.encode_images(images)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self._encoder.encode_image_queries(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encoder.encode_text_queries(texts)


class WrappedTextEncoder:
    """A ``TextEncoder`` that is another one."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder

    @property
    def fingerprint(self) -> Fingerprint:
        return self._encoder.fingerprint

    @property
    def device(self) -> str:
        return self._encoder.device

    @property
    def max_tokens(self) -> int:
        return self._encoder.max_tokens

    def overlong_documents(self, texts: Sequence[str]) -> Mapping[int, int]:
        return self._encoder.overlong_documents(texts)

    def overlong_queries(self, texts: Sequence[str]) -> Mapping[int, int]:
        return self._encoder.overlong_queries(texts)

    def agreement(self, captions: Matrix, images: Matrix) -> Vector | None:
        return self._encoder.agreement(captions, images) if isinstance(self._encoder, Agreeing) else None

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return self._encoder.encode_documents(texts)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encoder.encode_queries(texts)
