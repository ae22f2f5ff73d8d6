"""Inputs as small as they may be, which show that an encoder works."""

from __future__ import annotations

from typing import Final

import numpy as np

from rag.protocols import Hearing, ImageEncoder
from rag.types import SOUND_RATE, Matrix, Pixels, Sound

WORDS: Final = "a canary"
PICTURE: Final[Pixels] = np.full((32, 32, 3), 127, np.uint8)
SOUND: Final[Sound] = (np.zeros(SOUND_RATE // 10, np.int16),)


def canaries(encoder: ImageEncoder) -> tuple[Matrix, Matrix]:
    """The vectors of a picture, or of a sound where none can be seen, and of a text; shape (1, dim) each."""
    text = encoder.encode_text_queries([WORDS])
    if isinstance(encoder, Hearing) and not encoder.sees:
        return encoder.encode_sounds([SOUND]), text
    return encoder.encode_images([PICTURE]), text
