"""Bytes to pixels, within limits: the only module that touches Pillow.

Whatever a file holds, ``decode`` gives an upright 8-bit sRGB picture or raises BadImage.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import math
import re
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError, _imaging
from PIL.Image import Transpose

from rag.errors import BadImage
from rag.types import Pixels

pillow_heif.register_heif_opener()

# Pillow's own limit is one number for the process and answers with a warning first. The limit of
# each call is checked here, after the header was read; Pillow's is the backstop for what a file
# declares further in, and refuses at twice this: the largest OLHAR_MAX_PIXELS there can be.
Image.MAX_IMAGE_PIXELS = 500_000_000

# What is worth saying about a file is in BadImage; Pillow would say it on stderr as well.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
with contextlib.suppress(OSError, AttributeError):  # where libtiff is linked in without its names
    _libtiff = ctypes.CDLL(_imaging.__file__)
    _libtiff.TIFFSetErrorHandler(None)
    _libtiff.TIFFSetWarningHandler(None)

_PILLOW = re.compile(r"PIL\.")
"""The modules whose warnings are silenced."""

_REFUSED = frozenset({"EPS", "WMF", "MPEG", "HDF5", "GRIB", "BUFR"})
"""Programs to be run (EPS starts Ghostscript), and formats of which Pillow knows the header only."""

_WHITE_POINTS = (255, 1023, 4095, 16383, 65535)
"""Largest values of 8, 10, 12, 14 and 16 bits a sample: cameras store 12 bits in 16."""

_TRANSPOSITIONS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""EXIF orientation to what makes the picture upright."""


WORKING_SIDE = 1024
"""Pixels: more than encoders look at. A working picture has no more than its square."""

PIXELS_IN_FLIGHT = 150_000_000
"""Pixels decoded at a time in this process; each takes 8 to 16 bytes meanwhile."""


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
    with _opened(data, max_pixels, max_side) as (image, taken):
        return Decoded(np.array(image, dtype=np.uint8), taken)


def working_picture(data: bytes, *, max_pixels: int) -> Decoded:
    """As ``read``, shrunk to at most ``WORKING_SIDE``² pixels: what is encoded, of items and of queries."""
    with _opened(data, max_pixels, WORKING_SIDE) as (image, taken):
        scale = math.sqrt(WORKING_SIDE**2 / (image.width * image.height))
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.BICUBIC)
        return Decoded(np.array(image, dtype=np.uint8), taken)


@contextlib.contextmanager
def _opened(data: bytes, max_pixels: int, max_side: int | None) -> Iterator[tuple[Image.Image, int]]:
    """The upright sRGB picture and when it was taken; what goes wrong, also inside, is BadImage."""
    if not data:
        raise BadImage("the file is empty")
    _silence_pillow()
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            _check_size(image.size, max_pixels)
            if max_side is not None and isinstance(image, ImageFile.ImageFile):
                image.draft(None, (max_side, max_side))
            with _gate.of(image.width * image.height):
                image.load()
                _check_size(image.size, max_pixels)  # an icon says its size again when it is loaded
                taken = _taken_at(image)
                yield _to_srgb(_upright(image)), taken
    except BadImage:
        raise
    except Exception as error:  # Pillow raises nearly everything on hostile files
        raise BadImage(_reason(error, max_pixels)) from error


class _Gate:
    """Lets pictures in, first come, first served, while their pixels together stay within the budget.

    One that is larger than the budget goes alone.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._inside = 0
        self._queue: deque[object] = deque()
        self._moved = threading.Condition()

    @contextlib.contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for so many pixels, and hold it."""
        ticket = object()
        with self._moved:
            self._queue.append(ticket)
            try:
                self._moved.wait_for(lambda: self._queue[0] is ticket and self._has_room(pixels))
            finally:
                self._queue.remove(ticket)
                self._moved.notify_all()
            self._inside += pixels
        try:
            yield
        finally:
            with self._moved:
                self._inside -= pixels
                self._moved.notify_all()

    def _has_room(self, pixels: int) -> bool:
        return not self._inside or self._inside + pixels <= self._budget


_gate = _Gate(PIXELS_IN_FLIGHT)


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


@cache
def extensions() -> frozenset[str]:
    """Endings of file names, lower case with the dot, by which a picture may be known."""
    formats = {*_formats(), "MPO"}  # which the JPEG reader knows
    return frozenset(ext for ext, name in Image.registered_extensions().items() if name in formats)


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    usual = ("JPEG", "PNG", "WEBP", "GIF")
    return (*usual, *(name for name in Image.ID if name not in _REFUSED and name not in usual))


def _silence_pillow() -> None:
    # By a filter and not by catch_warnings, which is not safe in threads; looked for at each call,
    # because others may have reset the filters.
    if not any(action == "ignore" and module is _PILLOW for action, _, _, module, _ in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadImage(f"the picture is {width} × {height} pixels: there is nothing in it")
    if width * height > max_pixels:
        raise BadImage(
            f"too many pixels: {width} × {height}, and the limit is {max_pixels:,} (OLHAR_MAX_PIXELS)"
        )


def _reason(error: Exception, max_pixels: int) -> str:
    detail = str(error).strip() or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format, or its beginning is damaged"
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels: the limit is {max_pixels:,} (OLHAR_MAX_PIXELS)"
    if isinstance(error, MemoryError):
        return "the picture does not fit into memory; a lower OLHAR_MAX_PIXELS refuses it earlier"
    if "truncated" in detail.lower():
        return f"the picture is truncated: {detail}"
    return f"the picture is damaged, or of a kind that cannot be read: {detail}"


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF is no reason to refuse the picture
        return image
    method = _TRANSPOSITIONS.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _taken_at(image: Image.Image) -> int:
    try:
        exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
        stamp = exif.get(ExifTags.Base.DateTimeOriginal)
        if not isinstance(stamp, str):
            return 0
        zone = exif.get(ExifTags.Base.OffsetTimeOriginal)
        local = datetime.strptime(stamp.strip("\0 "), "%Y:%m:%d %H:%M:%S")
        return int(local.replace(tzinfo=_zone(zone)).timestamp())
    except Exception:  # the same
        return 0


def _zone(offset: object) -> tzinfo:
    if not isinstance(offset, str) or not offset.strip("\0 "):
        return UTC
    sign = -1 if offset.startswith("-") else 1
    hours, minutes = offset.strip("\0 +-").split(":")
    return timezone(sign * timedelta(hours=int(hours), minutes=int(minutes)))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow to RGB: depth first, then transparency, then colour."""
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_to_8_bits(np.asarray(image)))
    elif image.has_transparency_data or image.mode in ("PA", "La"):
        image = _over_white(image.convert("RGBA"))
    elif image.mode == "P":
        image = image.convert("RGB")
    return _through_profile(image, profile).convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground


def _to_8_bits(samples: NDArray[Any]) -> Pixels:
    """Grey samples of any depth, shape (height, width), to 0…255.

    Floats within 0…1 and whole numbers of the usual depths keep their scale; anything else is
    stretched from its smallest to its largest value.
    """
    values = samples.astype(np.float32)  # and from here on in place: large pictures take memory enough
    np.nan_to_num(values, copy=False, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if samples.dtype.kind == "f" and low >= 0 and high <= 1:
        white = 1.0
    elif low >= 0 and high <= _WHITE_POINTS[-1]:
        white = float(next(point for point in _WHITE_POINTS if high <= point))
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
