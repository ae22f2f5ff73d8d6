"""Small pictures to be shown in lists."""

from __future__ import annotations

import io

from PIL import Image

from rag.types import Pixels

QUALITY = 80


def thumbnail(pixels: Pixels, side: int) -> bytes:
    """The picture as WebP, its longer side at most ``side`` pixels; one that is smaller keeps its size."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()
