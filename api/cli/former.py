"""The encoders that made the stored vectors, told from their fingerprints where nobody names them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rag.build import COMPACT, MINILM, build
from rag.encoders.compact import MiniLMEncoder
from rag.errors import InvalidInput
from rag.protocols import ImageEncoder, TextEncoder
from rag.settings import Settings
from rag.types import Fingerprint, Leg

PACKAGED = {COMPACT: COMPACT, MiniLMEncoder.fingerprint.name: MINILM}
"""What the settings call the encoders that come with Olhar, by the names in their fingerprints."""


class FormerEncoders:
    """As ``ingest.recall.Former``. Each is made anew when asked for, so that none is kept longer than needed.

    ``stored`` are the fingerprints of the stored vectors; those of the legs ``kept`` are of the encoders in
    ``settings``. ``encoder`` and ``text_encoder`` are what OLHAR_ENCODER and OLHAR_TEXT_ENCODER were. Where
    they are empty, packaged encoders and models of the hub are told by their names; a folder cannot be.
    """

    def __init__(
        self,
        settings: Settings,
        stored: Mapping[Leg, Fingerprint],
        kept: Collection[Leg],
        *,
        encoder: str = "",
        text_encoder: str = "",
    ) -> None:
        self._settings = settings
        self._stored = stored
        self._kept = kept
        self._encoder = encoder
        self._text_encoder = text_encoder

    @property
    def encoder(self) -> ImageEncoder:
        """Raises InvalidInput when it cannot be told, ModelUnavailable when it cannot be had."""
        return build(self._settings.model_copy(update={"encoder": self._name})).encoder

    @property
    def text_encoder(self) -> TextEncoder:
        """Raises as ``encoder``."""
        names = {"text_encoder": self._text_name}
        if not self._text_name:
            names["encoder"] = self._name
        return build(self._settings.model_copy(update=names)).text_encoder

    @property
    def _name(self) -> str:
        if self._encoder or "image" not in self._kept:
            return self._encoder or _told(self._stored["image"])
        return self._settings.encoder

    @property
    def _text_name(self) -> str:
        """Empty where it was the text side of the image encoder."""
        text = self._stored["caption"]
        if not self._text_encoder and text.name == self._stored["image"].name:
            return ""
        return self._text_encoder or _told(text)


def _told(fingerprint: Fingerprint) -> str:
    if fingerprint.name in PACKAGED:
        return PACKAGED[fingerprint.name]
    if "/" not in fingerprint.name:
        raise InvalidInput(f"{fingerprint.name} was a folder, and where it lies is not kept")
    return fingerprint.name
