"""What is done with decoded pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image

from rag.types import Pixels


def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture at (width, height), bicubic with antialiasing; the aspect ratio is not kept."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    return np.array(resized, dtype=np.uint8)


def as_pillow(pixels: Pixels) -> Image.Image:
    """The picture as Pillow's own object, for libraries that want one."""
    return Image.fromarray(pixels)


def phash(pixels: Pixels) -> str:
    """A 64-bit difference hash as 16 hex digits; pictures that look alike differ in few bits.

    Bit by bit, row by row: whether a cell of a 9 × 8 grey picture is brighter than its right neighbour.
    """
    small = Image.fromarray(pixels).resize((9, 8), Image.Resampling.BOX).convert("L")
    grey = np.asarray(small)
    return np.packbits(grey[:, :-1] > grey[:, 1:]).tobytes().hex()
