"""Small pictures, to be shown in lists or looked at by models."""

from __future__ import annotations

import io

from PIL import Image

from rag.types import Pixels

QUALITY = 80
JPEG_QUALITY = 90


def jpeg(pixels: Pixels, side: int) -> bytes:
    """The picture as JPEG, its longer side at most ``side`` pixels: for models that take files."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def thumbnail(pixels: Pixels, side: int) -> bytes:
    """The picture as WebP, its longer side at most ``side`` pixels; one that is smaller keeps its size."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()
