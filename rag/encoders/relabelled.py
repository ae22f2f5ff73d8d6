"""An encoder under another fingerprint."""

from __future__ import annotations

from rag.encoders.wrapping import WrappedImageEncoder
from rag.protocols import ImageEncoder
from rag.types import Fingerprint


class Relabelled(WrappedImageEncoder):
    """An ``ImageEncoder`` that is another one with its weights rounded, and says so."""

    def __init__(self, encoder: ImageEncoder, fingerprint: Fingerprint) -> None:
        super().__init__(encoder)
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint
