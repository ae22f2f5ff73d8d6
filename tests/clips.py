"""Videos for tests, made by PyAV: a shot for each seed, of coloured blocks that move a little."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from rag.types import Pixels

SIZE: Final = (96, 64)
BLOCK: Final = 16


def shot(seed: int) -> Pixels:
    """The first frame of a shot."""
    width, height = SIZE
    blocks = np.random.default_rng(seed).integers(0, 256, (height // BLOCK, width // BLOCK, 3), np.uint8)
    return blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)


def clip(
    kind: str = "mp4", shots: Sequence[int] = (1, 2), seconds: int = 1, rate: int = 5, codec: str = "mpeg4"
) -> bytes:
    """A video of so many seconds a shot; ``kind`` is FFmpeg's name of the container."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for seed in shots:
            for step in range(seconds * rate):
                pixels = np.roll(shot(seed), step, 1)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def film(pitches: Sequence[float], seconds: int = 10, kind: str = "mp4") -> bytes:
    """A shot and a pitch in hertz for each part of so many seconds; 0 is silence."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        picture = container.add_stream("mpeg4", rate=1)
        heard = container.add_stream("aac", rate=16_000, layout="mono")
        assert isinstance(picture, VideoStream)
        assert isinstance(heard, AudioStream)
        picture.width, picture.height = SIZE
        picture.pix_fmt = "yuv420p"
        for seed in range(len(pitches)):
            for _ in range(seconds):
                container.mux(picture.encode(av.VideoFrame.from_ndarray(shot(seed), format="rgb24")))
        container.mux(picture.encode(None))
        at = np.arange(seconds * 16_000) / 16_000
        wave = np.concatenate([0.6 * np.sin(2 * np.pi * pitch * at) for pitch in pitches]).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None, :], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        cut = av.AudioResampler("fltp", "mono", 16_000, heard.codec_context.frame_size or 1024)
        for part in [*cut.resample(frame), *cut.resample(None)]:
            container.mux(heard.encode(part))
        container.mux(heard.encode(None))
    return out.getvalue()


def sound() -> bytes:
    """An MP4 with nothing but a second of silence."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        assert isinstance(stream, AudioStream)
        silence = np.zeros((1, 8000), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def tone(kind: str = "wav", pitch: float = 440.0, seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A sound of one pitch in hertz; ``kind`` is FFmpeg's name of the format."""
    out = io.BytesIO()
    codec = {
        "wav": "pcm_s16le",
        "flac": "flac",
        "ogg": "libopus",
        "mp3": "libmp3lame",
        "ipod": "aac",
        "mp4": "aac",
    }[kind]
    wave = np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        samples = (wave * 20_000).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.codec_context.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()
