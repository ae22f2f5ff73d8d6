"""Which frames of a video are kept, while it runs by: one of each shot, or all at even distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.videos.records import Sampling, Still
from rag.images import compressed
from rag.images.frames import scenes
from rag.types import Pixels

SMALL: Final = 32
"""Side of the small pictures that are compared."""
LEVELS: Final = 4
"""Of each colour, in a histogram."""
CUT: Final = 0.35
"""Share of the colours, in [0, 1], that change from one shot to another."""
MOVED: Final = 12.0
"""Root mean square of the differences of two small pictures, 0…255, below which nothing happened: where a
colour lies between two levels of the histogram, noise alone changes that."""
PLAIN: Final = 3.0
"""Standard deviation of a small picture, 0…255, below which it is of one colour: black before a title."""
HELD: Final = 4
"""Times as many shots are held as are wanted in the end."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame that was looked at: upright, of the size in which it is kept, and small."""

    seconds: float
    pixels: Pixels
    small: Pixels


@dataclass(frozen=True, slots=True)
class Kept:
    """A still, and the small picture of it by which it is told from others."""

    still: Still
    small: NDArray[np.float32]


class Keeper(Protocol):
    """Takes samples in their order."""

    step: float
    """Seconds from one sample to the next."""

    def take(self, sample: Sample) -> None:
        """Look at a frame."""

    def stills(self) -> tuple[Still, ...]:
        """What is kept of all that was looked at."""


def keeper(sampling: Sampling) -> Keeper:
    """As the settings say."""
    return Evenly(sampling) if sampling.choice == "even" else Shots(sampling)


class Evenly:
    """Every sample; each time that there are twice too many, every second one goes."""

    def __init__(self, sampling: Sampling) -> None:
        self.step = sampling.every
        self._most = sampling.most
        self._kept: list[Kept] = []

    def take(self, sample: Sample) -> None:
        self._kept.append(_kept(sample))
        if len(self._kept) >= 2 * self._most:
            self._kept = self._kept[::2]
            self.step *= 2

    def stills(self) -> tuple[Still, ...]:
        count = len(self._kept)
        places = list(range(count))
        if count > self._most:
            places = sorted({place * count // self._most for place in range(self._most)})
        return _stills([self._kept[place] for place in places])


class Shots:
    """The sharpest sample of each shot; of too many shots those that differ most.

    A shot ends where the colours of its parts are others than when it began, so that a long one in which the
    camera goes from one thing to another counts as several.
    """

    def __init__(self, sampling: Sampling) -> None:
        self.step = sampling.every
        self._most = sampling.most
        self._first: Sample | None = None
        self._best: tuple[float, Sample] | None = None
        self._kept: list[Kept] = []

    def take(self, sample: Sample) -> None:
        if self._first is None or differ(self._first.small, sample.small):
            self._close()
            self._first = sample
        mark = sharpness(sample.pixels)
        if self._best is None or mark > self._best[0]:
            self._best = mark, sample

    def stills(self) -> tuple[Still, ...]:
        self._close()
        return _stills(self._most_different())

    def _close(self) -> None:
        if self._best is not None:
            self._kept.append(_kept(self._best[1]))
            self._best = None
        if len(self._kept) > HELD * self._most:
            self._kept = self._most_different()

    def _most_different(self) -> list[Kept]:
        if len(self._kept) <= self._most:
            return self._kept
        small = [kept.small.reshape(-1) for kept in self._kept]
        return [self._kept[place] for place in [0, *scenes(small, self._most)]]


def differ(one: Pixels, other: Pixels) -> bool:
    """Whether two small pictures are of different shots."""
    moved = one.astype(np.float32) - other
    if np.sqrt((moved**2).mean()) < MOVED:
        return False
    return float(np.abs(_colours(one) - _colours(other)).sum()) / 2 > CUT


def sharpness(pixels: Pixels) -> float:
    """How much neighbouring pixels differ on average, 0…255: less where the camera moved."""
    green = pixels[..., 1].astype(np.int16)
    across, down = np.abs(np.diff(green, axis=1)), np.abs(np.diff(green, axis=0))
    return float(across.mean() if across.size else 0.0) + float(down.mean() if down.size else 0.0)


def _colours(small: Pixels) -> NDArray[np.float64]:
    """Histograms of the four quarters of a picture, one after the other; they sum to 1."""
    levels = (small // (256 // LEVELS)).astype(np.int64) @ np.array([LEVELS**2, LEVELS, 1])
    half = SMALL // 2
    quarters = [levels[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    counts = [np.bincount(quarter.reshape(-1), minlength=LEVELS**3) for quarter in quarters]
    shares: NDArray[np.float64] = np.concatenate(counts) / levels.size
    return shares


def _kept(sample: Sample) -> Kept:
    return Kept(Still(round(sample.seconds, 2), compressed(sample.pixels)), sample.small.astype(np.float32))


def _stills(kept: Sequence[Kept]) -> tuple[Still, ...]:
    """Without those of one colour, unless there is nothing else."""
    shown = [one for one in kept if one.small.std(axis=(0, 1)).max() >= PLAIN]
    return tuple(one.still for one in (shown or kept[:1]))
