"""Thumbnails are small, keep their shape, and never grow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rag.images import thumbnail


@pytest.mark.parametrize(
    ("shape", "size"),
    [((100, 200), (32, 16)), ((200, 100), (16, 32)), ((10, 20), (20, 10)), ((1, 999), (32, 1))],
)
def test_sizes(shape: tuple[int, int], size: tuple[int, int]) -> None:
    small = Image.open(io.BytesIO(thumbnail(np.full((*shape, 3), 200, np.uint8), 32)))
    assert (small.format, small.size) == ("WEBP", size)
    assert abs(int(np.asarray(small).mean()) - 200) <= 3
