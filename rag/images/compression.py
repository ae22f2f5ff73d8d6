"""Decoded pictures into files that every browser reads."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from rag.types import Pixels

DRAWN_COLOURS = 2_000
"""A picture with fewer colours among 40,000 of its pixels is a drawing, or nearly one."""
QUALITY = 90


def compressed(pixels: Pixels) -> bytes:
    """The picture as PNG where it has few colours, as drawings have, and as JPEG where it has many."""
    sample = pixels[:: max(1, pixels.shape[0] // 200), :: max(1, pixels.shape[1] // 200)].reshape(-1, 3)
    colours = np.unique(sample.astype(np.uint32) @ np.array([1, 256, 65_536], np.uint32))
    out = io.BytesIO()
    if len(colours) < DRAWN_COLOURS:
        Image.fromarray(pixels).save(out, "PNG")
    else:
        Image.fromarray(pixels).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
