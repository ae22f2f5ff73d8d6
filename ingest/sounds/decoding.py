"""A sound's bytes to windows, by PyAV: what the child process does."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from ingest.sounds.kinds import format_of
from ingest.videos.kinds import container_of
from rag.errors import BadSound
from rag.types import SOUND_RATE, Sound

Samples: TypeAlias = NDArray[np.int16]
T = TypeVar("T")

WINDOW: Final = 10 * SOUND_RATE
"""Samples: what models of CLAP's kind hear at a time."""
MOST: Final = 6
"""Windows of one sound, at even distances."""
LEAST: Final = SOUND_RATE // 10
"""Samples of a last window that counts, unless it is the only one."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The windows of a sound, its length in seconds, and what was wrong, for people."""

    sound: Sound
    seconds: float
    problems: tuple[str, ...] = ()


def heard(data: bytes, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic) -> Heard:
    """At most ``MOST`` windows of a sound, or of that of a video, mono, 48,000 samples a second.

    Ends after ``seconds`` with what there is by then. Raises BadSound when nothing can be heard.
    """
    until = clock() + seconds
    kept: list[Samples] = []
    step, samples, problems = 1, 0, []
    try:
        for place, window in enumerate(_heard(data)):
            samples += len(window)
            if place % step == 0 and (len(window) >= LEAST or not kept):
                kept.append(window)
            if len(kept) >= 2 * MOST:
                kept, step = kept[::2], 2 * step
            if clock() > until:
                problems.append("its end was left out: it took too long")
                break
    except (FFmpegError, ValueError) as error:
        if not kept:
            raise BadSound(f"the sound is damaged: {getattr(error, 'strerror', None) or error}") from None
        problems.append("what comes after some damage was left out")
    if not samples:
        raise BadSound("there is nothing to be heard in it")
    return Heard(tuple(evenly(kept, MOST)), round(samples / SOUND_RATE, 2), tuple(problems))


def evenly(things: Sequence[T], most: int) -> list[T]:
    """At most ``most``, at even distances, the first among them."""
    count = len(things)
    if count <= most:
        return list(things)
    return [things[place] for place in sorted({place * count // most for place in range(most)})]


def windows(container: InputContainer) -> Iterator[Samples]:
    """All of a container's first sound, WINDOW samples at a time, the last with what is left."""
    waiting: list[Samples] = []
    count = 0
    for piece in _pieces(container):
        waiting.append(piece)
        count += len(piece)
        if count >= WINDOW:
            whole = np.concatenate(waiting)
            while len(whole) >= WINDOW:
                yield whole[:WINDOW].copy()
                whole = whole[WINDOW:]
            waiting, count = [whole], len(whole)
    if count:
        yield np.concatenate(waiting)


def opened(data: bytes, kind: str) -> InputContainer:
    """A file, read by FFmpeg's reader ``kind`` alone. Raises FFmpegError."""
    return av.open(io.BytesIO(data), "r", format=kind, metadata_errors="replace", io_open=_alone)


def _heard(data: bytes) -> Iterator[Samples]:
    kind = format_of(data) or container_of(data)
    if kind is None:
        raise BadSound("not a sound in a known format, or its beginning is damaged")
    with opened(data, kind) as container:
        if not container.streams.audio:
            raise BadSound("there is no sound in it")
        yield from windows(container)


def _pieces(container: InputContainer) -> Iterator[Samples]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
    for frame in container.decode(container.streams.audio[0]):
        for part in resampler.resample(frame):
            yield part.to_ndarray().reshape(-1).astype(np.int16)
    for part in resampler.resample(None):
        yield part.to_ndarray().reshape(-1).astype(np.int16)


def _alone(*_: Any) -> NoReturn:
    """No other file is ever opened."""
    raise PermissionError("a sound that is kept in several files cannot be read")
