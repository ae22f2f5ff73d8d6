"""Any mode of Pillow to sRGB, 8 bits."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from rag.types import Pixels

_WHITE_POINTS = (255, 1023, 4095, 16383, 65535)
"""Largest values of 8, 10, 12, 14 and 16 bits a sample: cameras store 12 bits in 16."""


def to_srgb(image: Image.Image, *, full: bool = False) -> Image.Image:
    """Any mode of Pillow to RGB: depth first, then transparency, then colour.

    ``full`` says that samples of 16 bits use all of them; else they may hold the 12 bits of a camera.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_to_8_bits(np.asarray(image), full=full))
    elif image.has_transparency_data or image.mode in ("PA", "La"):
        image = _over_white(image.convert("RGBA"))
    elif image.mode == "P":
        image = image.convert("RGB")
    return _through_profile(image, profile).convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground


def _to_8_bits(samples: NDArray[Any], *, full: bool) -> Pixels:
    """Grey samples of any depth, shape (height, width), to 0…255.

    Floats within 0…1 and whole numbers of the usual depths keep their scale (of 16 bits if ``full``);
    anything else is stretched from its smallest to its largest value.
    """
    values = samples.astype(np.float32)  # and from here on in place: large pictures take memory enough
    np.nan_to_num(values, copy=False, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if samples.dtype.kind == "f" and low >= 0 and high <= 1:
        white = 1.0
    elif low >= 0 and high <= _WHITE_POINTS[-1]:
        points = _WHITE_POINTS[-1:] if full else _WHITE_POINTS
        white = float(next(point for point in points if high <= point))
    else:
        values -= low
        white = (high - low) or 1.0
    values *= 255.0 / white
    return np.asarray(np.rint(values, out=values), dtype=np.uint8)


def _through_profile(image: Image.Image, profile: object) -> Image.Image:
    """The picture in sRGB by its ICC profile; unchanged when it has none, or a bad one."""
    try:
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif isinstance(profile, bytes) and profile and image.mode in ("RGB", "L", "CMYK"):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" in ImageCms.getProfileDescription(source).lower():
                return image
        else:
            return image
        transform = ImageCms.buildTransform(source, _srgb(), image.mode, "RGB")
        return transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
