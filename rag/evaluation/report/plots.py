"""The geometry of the plots: numbers to places in an SVG. What they are drawn with is in ``page.html``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag.evaluation.judging import Interval, Judged
from rag.evaluation.measures import CURVE
from rag.evaluation.reliability import Reliability

WIDTH: Final = 560.0
HEIGHT: Final = 340.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 12.0, 44.0
COLOURS: Final = 8
"""Colours that the page has; with more lines than that they come again, dashed in another way."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: where it is, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """``points`` as SVG wants them; ``end`` is the last."""

    name: str
    colour: int
    dash: int
    points: str
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin of the reliability diagram, and a sentence about it."""

    x: float
    y: float
    width: float
    height: float
    dot: tuple[float, float]
    size: float
    told: str


@dataclass(frozen=True, slots=True)
class Whisker:
    """A mean with its interval, in percent of the width."""

    low: float
    high: float
    mean: float


def recall_lines(rankings: Sequence[Judged]) -> list[Line]:
    """Recall by rank, ranks spaced by their logarithm."""
    lines = []
    for number, one in enumerate(rankings):
        places = [(across(k), up(value)) for k, value in _known(one.recall_at)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        lines.append(Line(one.name, number % COLOURS, number // COLOURS, points, places[-1]))
    return lines


def rank_ticks() -> list[Tick]:
    return [Tick(across(k), str(k)) for k in CURVE]


def share_ticks() -> list[Tick]:
    """Of an upright axis from 0 to 1."""
    return [Tick(up(n / 5), f"{n / 5:.1f}") for n in range(6)]


def flat_ticks() -> list[Tick]:
    """Of a level axis from 0 to 1."""
    return [Tick(along(n / 5), f"{n / 5:.1f}") for n in range(6)]


def bars(told: Reliability) -> list[Bar]:
    """The share that is right in each bin; a dot at the mean relevance, as large as the bin is full."""
    most = max((one.count for one in told.bins), default=1)
    return [
        Bar(
            along(one.low) + 1,
            up(one.right),
            along(one.high) - along(one.low) - 2,
            up(0) - up(one.right),
            (along(one.relevance), up(one.right)),
            2 + 5 * math.sqrt(one.count / most),
            f"relevance {one.low:.2f} to {one.high:.2f}: {one.count} first hits, mean {one.relevance:.3f}, "
            f"right {one.right:.3f}",
        )
        for one in told.bins
    ]


def whisker(value: Interval) -> Whisker:
    return Whisker(*(round(100 * number, 2) for number in (value.low, value.high, value.mean)))


def across(rank: float) -> float:
    """The place of a rank."""
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(rank) / math.log(CURVE[-1])


def along(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def up(share: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def _known(recall: Mapping[int, float]) -> list[tuple[int, float]]:
    return [(k, recall[k]) for k in CURVE]
