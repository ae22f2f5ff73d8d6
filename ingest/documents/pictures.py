"""Pictures that documents carry, made into what every browser and encoder reads."""

from __future__ import annotations

from ingest.documents.blocks import Picture, Reading
from rag.errors import BadImage
from rag.images import compressed, decode

SMALLEST_SIDE = 48
SMALLEST_AREA = 80 * 80
LONGEST_RATIO = 12
LONGEST_SIDE = 2048
"""Pixels. Smaller ones are icons, longer ones rules and ribbons."""

_AS_THEY_ARE = (b"\x89PNG", b"\xff\xd8\xff")


def embedded(reading: Reading, data: bytes, *, page: int = 0, alt: str = "", caption: str = "") -> None:
    """Take a picture that a document carries, if it is one worth finding; else say why not."""
    try:
        pixels = decode(data, max_pixels=reading.limits.pixels, max_side=LONGEST_SIDE)
    except BadImage as error:
        reading.note(f"a picture was left out: {error}")
        return
    height, width = pixels.shape[:2]
    if not worth_finding(width, height, SMALLEST_SIDE, SMALLEST_AREA):
        return
    kept = data if data.startswith(_AS_THEY_ARE) else compressed(pixels)
    reading.picture(Picture(kept, page, alt=" ".join(alt.split()), caption=" ".join(caption.split())))


def worth_finding(width: float, height: float, side: float, area: float) -> bool:
    """Whether a picture of this size can be a figure, and not a bullet, a rule or a logo's edge."""
    longer, shorter = max(width, height), min(width, height)
    return shorter >= side and width * height >= area and longer <= LONGEST_RATIO * shorter
