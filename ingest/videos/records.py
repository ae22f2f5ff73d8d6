"""What is asked of a video, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Choice: TypeAlias = Literal["even", "scenes"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Look at a frame every so many seconds, and keep at most ``most``.

    ``scenes`` keeps the sharpest frame of each shot, ``even`` all that were looked at; of too many those
    that differ most, or every second one.
    """

    most: int = 32
    choice: Choice = "scenes"
    every: float = 1.0


@dataclass(frozen=True, slots=True)
class Still:
    """A frame that is kept: ``seconds`` after the start, as JPEG or PNG."""

    seconds: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Film:
    """What was read of a video: its length in ``seconds``, stills in their order, problems for people.

    ``taken_at``: when it was made, in Unix seconds, 0 when it does not say. ``took``: seconds that reading it
    took.
    """

    seconds: float
    stills: tuple[Still, ...]
    problems: tuple[str, ...] = ()
    taken_at: int = 0
    took: float = 0.0
