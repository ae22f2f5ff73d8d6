"""The pictures of a file after its first: frames of animations, pages of TIFFs."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rag.errors import BadImage
from rag.images.compression import compressed
from rag.images.opening import header, loaded, reason_of

Unit: TypeAlias = Literal["frame", "page"]
Choice: TypeAlias = Literal["even", "scenes"]
SIDES: Final = {"frame": 1024, "page": 2000}
"""A picture that is kept has no more than the square of this in pixels; text of pages is to be readable."""
LOOKED_AT: Final = 10_000
"""Frames of one animation."""
KEPT_BYTES: Final = 64 * 2**20
"""Of the pictures of one file."""
SMALL: Final = 16
SAME_SCENE: Final = 4.0
"""Root mean square of the differences of two small pictures, 0…255, below which they show the same."""
LOOKING: Final = 0.5
"""The share of the time in which scenes are looked for; the rest is for those that were found."""
_SUBFILE_TYPE: Final = 254
_NO_PAGE: Final = 0b101
"""TIFF 6.0, NewSubfileType: a smaller copy of another picture, or a mask."""
_TIFF = re.compile(rb"II[*+]\0|MM\0[*+]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many pictures of a file to keep at most, the first one among them, and how frames are chosen."""

    frames: int = 1
    choice: Choice = "even"
    pages: int = 1

    def of(self, unit: Unit) -> int:
        """The number for frames or for pages."""
        return self.frames if unit == "frame" else self.pages


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame or page by its number, the first of the file being 1, as PNG or JPEG."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Series:
    """What a file holds after its first picture. ``count`` is of all; ``problems`` are for people."""

    unit: Unit
    count: int
    frames: tuple[Frame, ...] = ()
    problems: tuple[str, ...] = ()


def unit_of(data: bytes) -> Unit | None:
    """What a file may have more than one of, by its first bytes; None when it has one picture."""
    if _TIFF.match(data):
        return "page"
    if data.startswith(b"GIF8") or data[4:12] == b"ftypavis":
        return "frame"
    if data.startswith(b"\x89PNG"):
        return "frame" if b"acTL" in data[: max(0, data.find(b"IDAT"))] else None
    animated = data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) > 20 and data[20] & 2
    return "frame" if animated else None


def further(
    data: bytes,
    wanted: Wanted,
    *,
    max_pixels: int,
    seconds: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Series:
    """The pictures of a file after its first, upright and in sRGB.

    A frame that is exactly like another that was chosen is left out. Ends after ``seconds`` with what there
    is by then. A page that is damaged is left out; of an animation also what follows, since each frame builds
    on the one before. Raises BadImage when the file cannot be opened, or its pictures not be counted.
    """
    unit = unit_of(data)
    if unit is None:
        return Series("frame", 1)
    with header(data, max_pixels) as image:
        count = int(getattr(image, "n_frames", 1))
        reading = _Reading(image, unit, count, max_pixels, _Watch(seconds, clock))
        chosen = reading.chosen(wanted)
        frames = tuple(reading.kept(chosen))
        return Series(unit, count, frames, tuple(reading.problems))


class _Watch:
    """How much of the time is used up."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._started = clock()

    def past(self, share: float) -> bool:
        """Whether that share of it is over."""
        return self._clock() - self._started > share * self._seconds


class _Reading:
    """One open file."""

    def __init__(self, image: Image.Image, unit: Unit, count: int, max_pixels: int, watch: _Watch) -> None:
        self._image = image
        self._unit = unit
        self._count = count
        self._max_pixels = max_pixels
        self._watch = watch
        self.problems: list[str] = []

    def chosen(self, wanted: Wanted) -> Sequence[int]:
        """Places after the first, in their order."""
        most = wanted.of(self._unit)
        if most < 2 or self._count < 2:
            return ()
        if self._unit == "page":
            if self._count > most:
                self.problems.append(f"the pages from {most + 1:,} on were left out (OLHAR_PAGES)")
            return range(1, min(self._count, most))
        count = min(self._count, LOOKED_AT)
        if wanted.choice == "even" or count <= most:
            return sorted({place * count // most for place in range(most)} - {0})
        return scenes(list(self._small(range(count))), most)

    def kept(self, places: Sequence[int]) -> Iterator[Frame]:
        """The pictures of these places, and of the first nothing."""
        seen: set[bytes] = set()
        size = 0
        for place, picture in self._pictures([0, *places] if places else (), 1.0):
            mark = hashlib.sha256(picture.tobytes()).digest()
            again = mark in seen and self._unit == "frame"
            seen.add(mark)
            if again or place == 0:
                continue
            data = compressed(np.asarray(picture, dtype=np.uint8))
            size += len(data)
            if size > KEPT_BYTES:
                self.problems.append(
                    f"the {self._unit}s from {place + 1} on were left out: those before take "
                    f"{KEPT_BYTES // 2**20} MiB"
                )
                return
            yield Frame(place + 1, data)

    def _small(self, places: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        for _, picture in self._pictures(places, LOOKING):
            small = picture.resize((SMALL, SMALL), Image.Resampling.BOX)
            yield np.asarray(small, dtype=np.float32).reshape(-1)

    def _pictures(self, places: Sequence[int], share: float) -> Iterator[tuple[int, Image.Image]]:
        for place in places:
            if self._watch.past(share):
                self.problems.append(f"the {self._unit}s from {place + 1} on were left out: it took too long")
                return
            try:
                picture = self._picture(place)
            except Exception as error:  # Pillow raises nearly everything on hostile files
                reason = str(error) if isinstance(error, BadImage) else reason_of(error, self._max_pixels)
                if self._unit == "frame":
                    self.problems.append(f"the frames from {place + 1} on were left out: {reason}")
                    return
                self.problems.append(f"page {place + 1} was left out: {reason}")
            else:
                if picture is not None:
                    yield place, picture

    def _picture(self, place: int) -> Image.Image | None:
        """One picture, shrunk; None for what is no page of its own."""
        image: Any = self._image
        image.seek(place)
        if self._unit == "page" and int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _NO_PAGE:
            return None
        with loaded(self._image, self._max_pixels) as picture:
            scale = SIDES[self._unit] / math.sqrt(picture.width * picture.height)
            if scale >= 1:
                return picture.copy()
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            return picture.resize(size, Image.Resampling.BICUBIC)


def scenes(small: Sequence[NDArray[np.float32]], most: int) -> list[int]:
    """Up to ``most`` places, the first among them but not given, of pictures that differ most.

    Each next one is that whose nearest among the chosen is farthest away (Gonzalez 1985, "Clustering to
    minimize the maximum intercluster distance"); it ends where nothing differs any more. ``small`` are small
    pictures of the same size, flat.
    """
    if not small:
        return []
    matrix = np.stack(small)
    nearest = np.sqrt(((matrix - matrix[0]) ** 2).mean(axis=1))
    chosen: list[int] = []
    while len(chosen) < most - 1 and nearest.max() >= SAME_SCENE:
        place = int(nearest.argmax())
        chosen.append(place)
        nearest = np.minimum(nearest, np.sqrt(((matrix - matrix[place]) ** 2).mean(axis=1)))
    return sorted(chosen)
