"""Each view of a photo is the photo."""

from __future__ import annotations

import numpy as np

from rag.training.views import VIEWS, seen

PHOTO = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_the_first_view_is_the_photo_itself() -> None:
    np.testing.assert_array_equal(seen(PHOTO, VIEWS[0]), PHOTO)


def test_in_the_mirror_left_is_right() -> None:
    mirrored = seen(PHOTO, "mirrored")
    np.testing.assert_array_equal(mirrored[:, 0], PHOTO[:, 2])
    np.testing.assert_array_equal(seen(mirrored, "mirrored"), PHOTO)
