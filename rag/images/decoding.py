"""Bytes to pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from rag.images.embedded import taken_at
from rag.images.opening import opened
from rag.types import Pixels

WORKING_SIDE = 1024
"""Pixels: more than encoders look at. A working picture has no more than its square."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture and when it was taken: Unix seconds (UTC), 0 when the file does not say."""

    pixels: Pixels
    taken_at: int


def decode(data: bytes, *, max_pixels: int, max_side: int | None = None) -> Pixels:
    """The upright sRGB picture of ``data``, uint8, shape (height, width, 3); of an animation the first frame.

    ``max_side`` says that no side is needed longer than this: a JPEG may then come at an eighth,
    a quarter or half of its size, its shorter side never below ``max_side``.
    Raises BadImage when this is no picture, a damaged one, or one of more than ``max_pixels``.
    """
    return read(data, max_pixels=max_pixels, max_side=max_side).pixels


def read(data: bytes, *, max_pixels: int, max_side: int | None = None) -> Decoded:
    """As ``decode``, with the time at which the picture was taken."""
    with opened(data, max_pixels, max_side) as (image, original):
        return Decoded(np.array(image, dtype=np.uint8), taken_at(original))


def working_picture(data: bytes, *, max_pixels: int) -> Decoded:
    """As ``read``, shrunk to at most ``WORKING_SIDE``² pixels: what is encoded, of items and of queries."""
    with opened(data, max_pixels, WORKING_SIDE) as (image, original):
        scale = math.sqrt(WORKING_SIDE**2 / (image.width * image.height))
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.BICUBIC)
        return Decoded(np.array(image, dtype=np.uint8), taken_at(original))
