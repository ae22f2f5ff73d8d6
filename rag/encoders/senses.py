"""What an encoder takes besides texts."""

from __future__ import annotations

from rag.protocols import Hearing, ImageEncoder


def sees(encoder: ImageEncoder) -> bool:
    """Whether pictures can be encoded, as by all but those that hear and say otherwise."""
    return not isinstance(encoder, Hearing) or encoder.sees


def hears(encoder: ImageEncoder) -> bool:
    """Whether sounds can be."""
    return isinstance(encoder, Hearing) and encoder.hears
