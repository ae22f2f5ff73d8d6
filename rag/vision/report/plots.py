"""The geometry of the plots: numbers to places in an SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag.vision.quality.types import Point

WIDTH: Final = 560.0
HEIGHT: Final = 260.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 14.0, 34.0
MAP: Final = 1000.0
"""Both sides of the map."""
MARGIN: Final = 30.0
COLOURS: Final = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: its place, what stands under it and over it."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """A picture's place on the map, and the colour of its cluster."""

    point: Point
    x: float
    y: float
    colour: int


def bars(values: Mapping[int, float]) -> list[Bar]:
    """Heights from 0 to the largest; what is below 0 has none, and says so by its number."""
    top = max([*values.values(), 1e-9])
    room = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    found = []
    for place, (key, value) in enumerate(values.items()):
        height = (HEIGHT - TOP - BOTTOM) * max(value, 0.0) / top
        x = LEFT + place * room + 3
        found.append(
            Bar(
                round(x, 1),
                round(HEIGHT - BOTTOM - height, 1),
                round(room - 6, 1),
                round(height, 1),
                str(key),
                f"{value:.3f}",
            )
        )
    return found


def pairs(first: Mapping[str, float], second: Mapping[str, float]) -> list[Bar]:
    """Two bars for each name, side by side, on one scale; the first of them has the name."""
    top = max([*first.values(), *second.values(), 1e-9])
    room = (WIDTH - LEFT - RIGHT) / max(1, len(first))
    found = []
    for place, name in enumerate(first):
        width = min(60.0, room / 2 - 4)
        x = LEFT + place * room + room / 2 - width
        for number, value in enumerate((first[name], second[name])):
            height = (HEIGHT - TOP - BOTTOM) * value / top
            found.append(
                Bar(
                    x=round(x + number * width, 1),
                    y=round(HEIGHT - BOTTOM - height, 1),
                    width=round(width, 1),
                    height=round(height, 1),
                    label="" if number else name,
                    value=f"{value:.2f}",
                    colour=0 if number else COLOURS - 1,
                )
            )
    return found


def spots(points: Sequence[Point]) -> list[Spot]:
    """Where the pictures of the map stand."""
    span = MAP - 2 * MARGIN
    return [
        Spot(
            one, round(MARGIN + span * one.x, 1), round(MARGIN + span * (1 - one.y), 1), one.cluster % COLOURS
        )
        for one in points
    ]
