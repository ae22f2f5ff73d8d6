"""Other views of a photo: what they show is the same, so their captions are too."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from rag.types import Pixels

View: TypeAlias = Literal["whole", "mirrored"]
VIEWS: tuple[View, ...] = ("whole", "mirrored")
"""The whole photo comes first; it alone is what an encoder sees later."""


def seen(photo: Pixels, view: View) -> Pixels:
    """The photo, uint8 of shape (height, width, 3), in one of its views."""
    return photo if view == "whole" else np.ascontiguousarray(photo[:, ::-1])
