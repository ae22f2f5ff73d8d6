"""What is said of a selection. As it is here it is sent, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SAMPLE: Final = 2000
MOST_SAMPLED: Final = 5000
MOST_PICKED: Final = 1000
MOST_LABELS: Final = 1000


@dataclass(frozen=True, slots=True)
class Pick:
    """A picture that stands for ``stands_for`` pictures, itself among them. ``covered``: the mean cosine of
    all pictures to the nearest of the picks up to this one."""

    item_id: str
    source: str
    stands_for: int
    covered: float


@dataclass(frozen=True, slots=True)
class Representatives:
    """The picks, the most telling first; of ``pictures``, ``sampled`` were looked at."""

    pictures: int
    sampled: int
    picks: list[Pick]


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """``said``: pictures whose tags or captions have the label; ``looks``: those that look like it more than
    like any other label; ``either``: how many that are together. ``example``: one of them, or empty."""

    label: str
    said: int
    looks: int
    either: int
    example: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Labels with fewest pictures first; ``missing``: those with fewer than ``least``.

    ``calibrated``: whether what pictures look like was fitted for this encoder, and is no guess.
    """

    pictures: int
    sampled: int
    least: int
    calibrated: bool
    labels: list[LabelCoverage]
    missing: list[str]
