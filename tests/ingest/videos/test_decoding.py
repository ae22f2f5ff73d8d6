"""Videos to stills; what cannot be read says why."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from ingest.videos.decoding import film
from ingest.videos.records import Film, Sampling
from rag.errors import BadVideo
from rag.images import decode
from rag.types import Pixels
from tests.clips import SIZE, clip, shot, sound

MOST = 10**6


def read(data: bytes, name: str = "clip.mp4", sampling: Sampling | None = None) -> Film:
    return film(data, name, sampling or Sampling(), MOST)


def near(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp4", "mpeg4"), ("mov", "libx264"), ("webm", "libvpx"), ("matroska", "mpeg4"), ("avi", "mpeg4")],
)
def test_each_shot_gives_a_still_with_its_second(kind: str, codec: str) -> None:
    found = read(clip(kind, codec=codec), sampling=Sampling(every=0.2))
    first, second = found.stills
    assert found.seconds == pytest.approx(2.0, abs=0.3)
    assert first.seconds < 1 <= second.seconds < 2
    assert not found.problems
    for still, seed in ((first, 1), (second, 2)):
        pixels = decode(still.data, max_pixels=MOST)
        moved = np.roll(shot(seed), round((still.seconds % 1) * 5), 1)
        assert near(pixels, moved) < 15
        assert near(pixels, shot(3 - seed)) > 40


def test_at_even_distances() -> None:
    found = read(clip(seconds=2), sampling=Sampling(2, "even", 1.0))
    assert [still.seconds for still in found.stills] == [0.0, 2.0]


def test_a_video_of_a_turned_phone_comes_upright() -> None:
    data = bytearray(clip(shots=(1,)))
    matrix = data.index(b"tkhd") + 44
    turned = (0, 1 << 16, 0, -(1 << 16), 0, 0, SIZE[1] << 16, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    (still,) = read(bytes(data)).stills
    pixels = decode(still.data, max_pixels=MOST)
    assert near(pixels, np.rot90(shot(1), -1)) < 15


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not its content"),
        (clip()[:900], "damaged or missing"),
        (sound(), "sound and no picture"),
        (clip().replace(b"mp4v", b"encv").replace(b"esds", b"sinf"), "encrypted"),
        (clip("avi").replace(b"FMP4", b"zzzz"), "coded in a way that cannot be read"),
        (clip("webm", codec="libvpx")[:600], "damaged|no video|no frame"),
    ],
    ids=["empty", "text", "cut", "sound", "encrypted", "unknown codec", "cut webm"],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadVideo, match=reason):
        read(data)


def test_too_many_pixels_are_refused() -> None:
    with pytest.raises(BadVideo, match=r"96 × 64, and the limit is 5,000 \(OLHAR_MAX_PIXELS\)"):
        film(clip(), "clip.mp4", Sampling(), 5000)


def test_damage_in_the_middle_leaves_the_rest() -> None:
    data = bytearray(clip("matroska", shots=(1, 2, 3, 4)))
    start = len(data) // 3
    data[start : start + 40] = bytes(40)
    found = read(bytes(data))
    assert found.stills[0].seconds < 1
    assert len(found.stills) > 1


def test_a_video_that_is_cut_short_says_from_where() -> None:
    data = clip("matroska", shots=(1, 2, 3, 4), seconds=2)
    found = read(data[: len(data) // 2])
    assert 1 <= len(found.stills) < 4
    assert any("is missing" in problem for problem in found.problems)


def test_it_ends_in_time_with_what_there_is() -> None:
    ticks = count()
    found = film(clip(), "clip.mp4", Sampling(), MOST, seconds=3, clock=lambda: float(next(ticks)))
    assert len(found.stills) == 1
    assert "it took too long" in found.problems[0]


def test_of_a_long_one_only_key_frames_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.videos.decoding.WHOLE", 1000)
    found = read(clip(shots=(1, 2, 3)))
    assert found.problems == ("only its key frames were looked at, since it is long",)
    assert found.stills[0].seconds == 0.0
