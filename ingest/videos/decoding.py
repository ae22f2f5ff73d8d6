"""A video's bytes to stills, by PyAV: what the child process does."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.videos.kinds import container_of
from ingest.videos.records import Film, Sampling
from ingest.videos.shots import SMALL, Keeper, Sample, keeper
from rag.errors import BadVideo, SoundAlone
from rag.types import Pixels, moment

SIDE: Final = 1024
"""A still has no more than the square of this in pixels."""
KEPT_BYTES: Final = 64 * 2**20
"""Of the stills of one video."""
WHOLE: Final = 6_000_000_000
"""Pixels of a video, of all frames together, from which only its key frames are decoded: about 1 minute 40
seconds of 1920 × 1080 at 30 frames a second, or half a minute of decoding on one core."""
ATTACHED: Final = 0x400
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC: the cover of an album, and no video."""
SHORT: Final = 2.0
"""Seconds that may be missing at the end before that is said."""
LATEST: Final = 10**10
"""Unix seconds; a year that is no mistake lies before."""

Clock = Callable[[], float]


def film(
    data: bytes,
    name: str,
    sampling: Sampling,
    max_pixels: int,
    seconds: float = math.inf,
    clock: Clock = time.monotonic,
) -> Film:
    """The stills of a video, upright, in RGB, of at most ``SIDE``² pixels.

    Ends after ``seconds`` with what there is by then; what is damaged or missing is in its problems. Raises
    BadVideo when no frame can be had.
    """
    began = clock()
    with _opened(data, name) as container:
        try:
            found = _Reading(container, data, sampling, max_pixels, began + seconds, clock).film()
        except (FFmpegError, ValueError) as error:
            raise BadVideo(f"the video is damaged: {_detail(error)}") from None
    return replace(found, took=clock() - began)


def _opened(data: bytes, name: str) -> InputContainer:
    if not data:
        raise BadVideo("the file is empty")
    kind = container_of(data, name)
    if kind is None:
        raise BadVideo("the file is broken: it has the name of a video, but not its content")
    try:
        return av.open(io.BytesIO(data), "r", format=kind, metadata_errors="replace", io_open=_alone)
    except (FFmpegError, ValueError) as error:
        raise BadVideo(
            f"the video cannot be opened, its beginning or its index is damaged or missing: {_detail(error)}"
        ) from None


def _alone(*_: Any) -> NoReturn:
    """A video may name further files; none is ever opened."""
    raise PermissionError("a video that is kept in several files cannot be read")


class _Reading:
    """One open video."""

    def __init__(
        self,
        container: InputContainer,
        data: bytes,
        sampling: Sampling,
        max_pixels: int,
        until: float,
        clock: Clock,
    ) -> None:
        self._container = container
        self._stream = _stream(container, data)
        self._keeper: Keeper = keeper(sampling)
        self._max_pixels = max_pixels
        self._until = until
        self._clock = clock
        self._start = (container.start_time or 0) / av.time_base
        self._length = max(0.0, (container.duration or 0) / av.time_base)
        self._last = 0.0
        self._aspect = float(self._stream.sample_aspect_ratio or 1)
        self._problems: list[str] = []

    def film(self) -> Film:
        self._prepare()
        due = 0.0
        for seconds, frame in self._frames():
            self._last = max(self._last, seconds)
            if seconds >= due:
                self._keeper.take(Sample(seconds, upright(frame, self._aspect), _small(frame)))
                due = (math.floor(seconds / self._keeper.step) + 1) * self._keeper.step
            if self._clock() > self._until:
                self._problems.append(f"what comes after {moment(seconds)} was left out: it took too long")
                break
        else:
            self._tell_missing()
        return self._made()

    def _prepare(self) -> None:
        codec = self._stream.codec_context
        self._check(codec.width, codec.height)
        codec.thread_count = 1  # the time that a video takes is that of one core
        codec.options = {"max_pixels": str(self._max_pixels)}
        rate = float(self._stream.average_rate or 0)
        if codec.width * codec.height * rate * self._length > WHOLE:
            codec.skip_frame = "NONKEY"
            self._problems.append("only its key frames were looked at, since it is long")

    def _frames(self) -> Iterator[tuple[float, VideoFrame]]:
        """Frames with their seconds after the start; what cannot be decoded is passed over and told."""
        damaged, found = 0, 0
        rate = float(self._stream.average_rate or 25)
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                decoded = packet.decode()
            except FFmpegError:
                damaged += 1
                if damaged > 1000:
                    break
                continue
            for frame in decoded:
                found += 1
                if isinstance(frame, VideoFrame):
                    self._check(frame.width, frame.height)
                    at = (found - 1) / rate if frame.time is None else frame.time - self._start
                    yield max(0.0, at), frame
        if not found:
            raise BadVideo(_nothing(self._stream, damaged))
        if damaged:
            self._problems.append(f"{damaged:,} of its pieces are damaged and were passed over")

    def _check(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise BadVideo(
                f"too many pixels: {width} × {height}, and the limit is {self._max_pixels:,} "
                "(OLHAR_MAX_PIXELS)"
            )

    def _tell_missing(self) -> None:
        missing = self._length - self._last
        whole = self._stream.codec_context.skip_frame != "NONKEY"
        if whole and missing > max(SHORT, self._length / 10):
            self._problems.append(f"what comes after {moment(self._last)} is missing or still")

    def _made(self) -> Film:
        stills, size = [], 0
        for still in self._keeper.stills():
            size += len(still.data)
            if size > KEPT_BYTES:
                self._problems.append(
                    f"the frames from {moment(still.seconds)} on were left out: those before take "
                    f"{KEPT_BYTES // 2**20} MiB"
                )
                break
            stills.append(still)
        length = max(self._length, self._last)
        return Film(round(length, 2), tuple(stills), tuple(self._problems), _taken_at(self._container))


def upright(frame: VideoFrame, aspect: float = 1.0) -> Pixels:
    """A frame as it is shown: with square pixels, turned as its file says, shrunk to ``SIDE``² pixels.

    ``aspect``: how much wider than high a pixel is.
    """
    across = frame.width * min(8.0, max(0.125, aspect))
    scale = min(1.0, SIDE / math.sqrt(across * frame.height))
    size = max(1, round(across * scale)), max(1, round(frame.height * scale))
    pixels = frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns), dtype=np.uint8)


def _small(frame: VideoFrame) -> Pixels:
    small = frame.reformat(SMALL, SMALL, format="rgb24", interpolation="AREA").to_ndarray()
    return np.asarray(small, dtype=np.uint8)


def _stream(container: InputContainer, data: bytes) -> VideoStream:
    for stream in container.streams.video:
        if not int(stream.disposition) & ATTACHED:
            if b"encv" in data[:-4] and b"sinf" in data:
                raise BadVideo("it is encrypted: save it without protection")
            if getattr(stream, "codec_context", None) is None:  # which PyAV's types do not know of
                raise BadVideo("its pictures are coded in a way that cannot be read: save it as H.264 or VP9")
            return stream
    if container.streams.audio:
        raise SoundAlone("it has sound and no picture")
    raise BadVideo("there is no video in it")


def _nothing(stream: VideoStream, damaged: int) -> str:
    if damaged:
        return f"the video is damaged: none of its frames can be decoded ({stream.codec_context.name})"
    return "the video is empty: there is no frame in it"


def _taken_at(container: InputContainer) -> int:
    """When it was made, as it says itself."""
    try:
        told = datetime.fromisoformat(container.metadata.get("creation_time", ""))
    except ValueError:
        return 0
    seconds = int(told.replace(tzinfo=told.tzinfo or UTC).timestamp())
    return seconds if 0 < seconds < LATEST else 0


def _detail(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
