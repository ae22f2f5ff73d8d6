"""Bytes to pixels, within limits: the only package that touches Pillow.

Whatever a file holds, ``decode`` gives an upright 8-bit sRGB picture or raises BadImage.
"""

from rag.images.compression import compressed
from rag.images.decoding import WORKING_SIDE, Decoded, decode, read, working_picture
from rag.images.embedded import Embedded, embedded
from rag.images.frames import Frame, Series, Wanted, further, unit_of
from rag.images.opening import decodes_quickly, extensions
from rag.images.pixels import as_pillow, phash, resize
from rag.images.thumbnails import jpeg, thumbnail

__all__ = [
    "WORKING_SIDE",
    "Decoded",
    "Embedded",
    "Frame",
    "Series",
    "Wanted",
    "as_pillow",
    "compressed",
    "decode",
    "decodes_quickly",
    "embedded",
    "extensions",
    "further",
    "jpeg",
    "phash",
    "read",
    "resize",
    "thumbnail",
    "unit_of",
    "working_picture",
]
