"""Drawings stay as they are, photos become small."""

from __future__ import annotations

import numpy as np

from rag.images import compressed, decode


def test_drawings_are_kept_to_the_pixel_and_photos_are_jpeg() -> None:
    drawing = np.zeros((300, 400, 3), np.uint8)
    drawing[100:200, 50:60] = (255, 0, 7)
    assert np.array_equal(decode(compressed(drawing), max_pixels=10**6), drawing)
    photo = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    assert compressed(photo).startswith(b"\xff\xd8\xff")
    assert decode(compressed(photo), max_pixels=10**6).shape == photo.shape
