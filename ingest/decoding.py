"""Pictures to pixels within a deadline: what may take long is decoded in a child process."""

from __future__ import annotations

from typing import Final

from ingest.sandbox import Sandbox
from rag.images import Decoded, decodes_quickly, working_picture
from rag.settings import Settings

DECODE: Final = "ingest.decoding:decoded"


def picture(data: bytes, sandbox: Sandbox, settings: Settings) -> Decoded:
    """The working picture of a file.

    Raises BadImage, OverLimit after OLHAR_DECODE_SECONDS, and Crashed when the child died of it.
    """
    if decodes_quickly(data, max_pixels=settings.max_pixels):
        return working_picture(data, max_pixels=settings.max_pixels)
    found: Decoded = sandbox.call(DECODE, data, settings.max_pixels, deadline=settings.decode_seconds)
    return found


def decoded(data: bytes, max_pixels: int) -> Decoded:
    """What the child does."""
    return working_picture(data, max_pixels=max_pixels)
