"""Bytes to a picture of Pillow that is upright and in sRGB, within limits."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import re
import warnings
from collections.abc import Iterator
from functools import cache

import pillow_heif
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, _imaging
from PIL.Image import Transpose

from rag.errors import BadImage
from rag.images.colour import to_srgb
from rag.images.gate import PIXELS_IN_FLIGHT, Gate

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

_SIGNS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
_QUICK_FORMATS = frozenset({"JPEG", "PNG", "WEBP"})
PROGRESSIVE_PIXELS = 1_000_000
PROGRESSIVE_BYTES = 2**20
"""Each scan of a progressive JPEG goes over all its pixels, and a small file may have thousands of scans."""

_SAYS_NOTHING = re.compile(
    r"decoder error -\d+|cannot load this image|\w*Error|\w+ overrun when reading image file"
)
"""What Pillow says of data that its decoders refuse."""

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


_gate = Gate(PIXELS_IN_FLIGHT)


@contextlib.contextmanager
def header(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """The picture before it is decoded; what goes wrong, also inside, is BadImage."""
    if not data:
        raise BadImage("the file is empty")
    _silence_pillow()
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            yield image
    except BadImage:
        raise
    except Exception as error:  # Pillow raises nearly everything on hostile files
        raise BadImage(reason_of(error, max_pixels)) from error


@contextlib.contextmanager
def opened(data: bytes, max_pixels: int, max_side: int | None) -> Iterator[tuple[Image.Image, Image.Image]]:
    """The upright sRGB picture, and the one of the file; what goes wrong, also inside, is BadImage."""
    with header(data, max_pixels) as image:
        _check_size(image.size, max_pixels)
        if max_side is not None and isinstance(image, ImageFile.ImageFile):
            image.draft(None, (max_side, max_side))
        with loaded(image, max_pixels) as picture:
            yield picture, image


@contextlib.contextmanager
def loaded(image: Image.Image, max_pixels: int) -> Iterator[Image.Image]:
    """The frame at which ``image`` is, upright and in sRGB. Raises BadImage, and what Pillow raises."""
    _check_size(image.size, max_pixels)
    with _gate.of(image.width * image.height):
        image.load()
        _check_size(image.size, max_pixels)  # an icon says its size again when it is loaded
        yield to_srgb(_upright(image), full=image.format == "PNG")


def decodes_quickly(data: bytes, *, max_pixels: int) -> bool:
    """Whether the time of decoding is bounded by the pixels: JPEG, PNG, WebP, or broken from its beginning.

    Not so progressive JPEGs, unless they are small. Of other kinds not even the header is read, since some
    are read by slow code.
    """
    if not data.startswith(_SIGNS):
        return not data
    try:
        with header(data, max_pixels) as image:
            small = image.width * image.height <= PROGRESSIVE_PIXELS and len(data) <= PROGRESSIVE_BYTES
            return image.format in _QUICK_FORMATS and (small or "progressive" not in image.info)
    except BadImage:
        return True


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


def reason_of(error: Exception, max_pixels: int) -> str:
    """Why a picture cannot be used, for people."""
    detail = str(error).strip() or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format, or its beginning is damaged"
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels: the limit is {max_pixels:,} (OLHAR_MAX_PIXELS)"
    if isinstance(error, MemoryError):
        return "the picture does not fit into memory; a lower OLHAR_MAX_PIXELS refuses it earlier"
    if "truncated" in detail.lower():
        return "the picture is truncated: the end of its data is missing"
    if _SAYS_NOTHING.fullmatch(detail):
        detail = "its data cannot be decoded"
    return f"the picture is damaged, or of a kind that cannot be read: {detail}"


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF is no reason to refuse the picture
        return image
    method = _TRANSPOSITIONS.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)
