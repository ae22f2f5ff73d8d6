"""The sound of a video to windows with their times, by PyAV: what the child process does."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from ingest.sounds.decoding import WINDOW, Samples, evenly, opened, windows
from ingest.videos.kinds import container_of
from rag.errors import BadVideo
from rag.types import SOUND_RATE, moment

QUIET: Final = 33.0
"""Root mean square of 16-bit samples, 60 decibels below the loudest, under which there is nothing to hear."""
LEAST: Final = SOUND_RATE
"""Samples of a last window that counts, unless it is the only one."""
RATE: Final = 96_000
"""Bits a second of a window that is kept, as Opus: 120 KB for ten seconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sound: ``seconds`` after the start of its video, as Ogg Opus."""

    seconds: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Track:
    """Windows of a video's sound in their order, none where it has none, and what was wrong, for people."""

    windows: tuple[Window, ...] = ()
    problems: tuple[str, ...] = ()


def track(
    data: bytes, name: str, most: int, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic
) -> Track:
    """At most ``most`` windows of ten seconds; those in which all is still are left out.

    Of more they are chosen among those that can be heard, at distances that differ by a factor of 2 at most.

    Ends after ``seconds`` with what there is by then. Raises BadVideo when the file cannot be opened.
    """
    try:
        with opened(data, container_of(data, name) or "") as container:
            if not container.streams.audio:
                return Track()
            return _Listening(container, most, clock() + seconds, clock).track()
    except (FFmpegError, ValueError) as error:
        raise BadVideo(f"its sound cannot be read: {_detail(error)}") from None


class _Listening:
    """One open sound."""

    def __init__(
        self, container: InputContainer, most: int, until: float, clock: Callable[[], float]
    ) -> None:
        self._container = container
        self._most = most
        self._until = until
        self._clock = clock
        self._start = _start(container)
        self._kept: list[Window] = []
        self._whole = 0  # windows that were read
        self._problems: list[str] = []

    def track(self) -> Track:
        try:
            self._listen()
        except (FFmpegError, ValueError) as error:
            self._problems.append(f"its sound is damaged after {self._after()} ({_detail(error)})")
        return Track(tuple(evenly(self._kept, self._most)), tuple(self._problems))

    def _listen(self) -> None:
        step, audible = 1, 0
        for window in windows(self._container):
            if _audible(window) and (len(window) >= LEAST or not audible):
                if audible % step == 0:
                    # Packed at once: that takes time too, of which none may be left afterwards.
                    self._kept.append(Window(self._seconds(), packed(window)))
                audible += 1
            if len(self._kept) >= 2 * self._most:
                self._kept, step = self._kept[::2], 2 * step
            self._whole += 1
            if self._clock() > self._until:
                self._problems.append(f"its sound after {self._after()} was left out: it took too long")
                break

    def _seconds(self) -> float:
        """When the next window begins, after the start of the video."""
        return round(self._start + self._whole * WINDOW / SOUND_RATE, 2)

    def _after(self) -> str:
        return moment(self._seconds())


def packed(window: Samples) -> bytes:
    """Samples as Ogg Opus, the same bytes each time."""
    out = io.BytesIO()
    with av.open(out, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SOUND_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = RATE
        frame = av.AudioFrame.from_ndarray(window[None, :], format="s16", layout="mono")
        frame.sample_rate = SOUND_RATE
        cut = av.AudioResampler(stream.format, "mono", SOUND_RATE, stream.codec_context.frame_size or None)
        for part in [*cut.resample(frame), *cut.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


def _audible(window: Samples) -> bool:
    return float(np.sqrt(np.mean(window.astype(np.float32) ** 2))) >= QUIET


def _start(container: InputContainer) -> float:
    """When the sound begins, in seconds after the video does."""
    stream = container.streams.audio[0]
    begins = float((stream.start_time or 0) * (stream.time_base or 0))
    return max(0.0, begins - (container.start_time or 0) / av.time_base)


def _detail(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
