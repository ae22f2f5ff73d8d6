"""Small pictures that stand in the page itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from rag.errors import BadImage
from rag.evaluation.misses import Miss
from rag.images import thumbnail, working_picture

SIDE = 240
"""Pixels of the longer side."""


def embedded(folder: Path, misses: Iterable[Miss], max_pixels: int) -> dict[str, str]:
    """``data:`` URLs of the photos that the misses speak of, by their file; without those that are gone."""
    names = {seen.item for miss in misses for seen in (miss.wanted, miss.first) if seen is not None}
    found = {}
    for name in sorted(names):
        try:
            pixels = working_picture((folder / name).read_bytes(), max_pixels=max_pixels).pixels
        except (OSError, BadImage):
            continue
        found[name] = "data:image/webp;base64," + base64.b64encode(thumbnail(pixels, SIDE)).decode()
    return found
