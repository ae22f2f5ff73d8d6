"""The sound of a video: windows with their seconds, as files that are heard again alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.sounds import tracks
from ingest.sounds.decoding import WINDOW, heard
from ingest.sounds.tracks import packed, track
from rag.errors import BadVideo
from rag.types import SOUND_RATE
from tests.clips import clip, film

SILENT = film([0], seconds=1)
"""What stands for longer videos, whose windows are made here."""


def pitch(data: bytes) -> float:
    """The strongest frequency of a sound, in hertz."""
    (window,) = heard(data).sound
    return float(np.abs(np.fft.rfft(window.astype(float))).argmax() * SOUND_RATE / len(window))


def test_windows_have_their_second_and_what_is_heard_there() -> None:
    # What was heard last reaches a little into the silence after it.
    found = track(film([500, 1500, 0, 0, 3000]), "a.mp4", 32)
    assert found.problems == ()
    assert [window.seconds for window in found.windows] == pytest.approx([0, 10, 20, 40], abs=0.1)
    heard_at = [pitch(found.windows[place].data) for place in (0, 1, 3)]
    assert heard_at == pytest.approx([500, 1500, 3000], abs=5)


@pytest.mark.parametrize("kind", ["mov", "matroska"])
def test_other_containers_are_heard(kind: str) -> None:
    (window,) = track(film([700], seconds=2, kind=kind), "a", 32).windows
    assert pitch(window.data) == pytest.approx(700, abs=5)
    assert heard(window.data).seconds == pytest.approx(2, abs=0.2)


def test_of_too_many_windows_some_at_even_distances_are_kept() -> None:
    found = track(film([500 + 100 * n for n in range(7)]), "a.mp4", 3)
    seconds = [window.seconds for window in found.windows]
    assert len(seconds) <= 3
    assert len({round(two - one) for one, two in pairwise(seconds)}) == 1


RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=12)


@example([(False, 1), (True, 1)] * 100, 32)
@example([(False, 1), (True, 99)], 4)
@given(RUNS, st.integers(1, 12))
def test_what_is_kept_is_spread_over_all_that_can_be_heard(
    runs: Sequence[tuple[bool, int]], most: int
) -> None:
    loud = [one for one, length in runs for _ in range(length)]
    audible = [place for place, one in enumerate(loud) if one]
    kept = [audible.index(place) for place in places_kept(loud, most)]
    assert len(kept) == min(most, len(audible))
    assert kept[:1] == [0][: len(audible)]
    gaps = [two - one for one, two in pairwise(kept)]
    assert max(gaps, default=1) <= 2 * min(gaps, default=1)
    if gaps:
        assert len(audible) - kept[-1] <= 2 * min(gaps), "the end is as near as any other"


def places_kept(loud: Sequence[bool], most: int) -> list[int]:
    """Which windows are kept of a sound that is loud in some of them, and silent in the others."""
    sounds = [np.full(WINDOW // 100, 2_000 if one else 0, np.int16) for one in loud]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracks, "windows", lambda _: iter(sounds))
        patch.setattr(tracks, "packed", lambda _: b"")
        patch.setattr(tracks, "LEAST", 1)
        patch.setattr(tracks, "_start", lambda _: 0.0)
        found = tracks.track(SILENT, "a.mp4", most)
    return [round(window.seconds / 10) for window in found.windows]


def test_a_video_without_sound_has_none_and_what_is_no_video_says_so() -> None:
    assert track(clip(), "a.mp4", 32).windows == ()
    with pytest.raises(BadVideo, match="its sound cannot be read"):
        track(clip()[:200], "a.mp4", 32)


def test_what_is_whole_is_kept_when_the_rest_is_damaged_or_takes_too_long() -> None:
    ticks = count()
    late = track(film([500, 600, 700]), "a.mp4", 32, seconds=1.5, clock=lambda: float(next(ticks)))
    assert len(late.windows) == 2
    assert late.problems == ("its sound after 0:20 was left out: it took too long",)


def test_making_files_of_windows_counts_as_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def slowly(_: object) -> bytes:
        made.append(b"")
        return b""

    monkeypatch.setattr(tracks, "packed", slowly)
    late = track(film([500] * 4), "a.mp4", 32, seconds=25, clock=lambda: 10.0 * len(made))
    assert len(late.windows) == 3
    assert late.problems == ("its sound after 0:30 was left out: it took too long",)


def test_the_same_samples_give_the_same_file_of_the_same_length() -> None:
    window = (8_000 * np.sin(np.arange(WINDOW) / 20)).astype(np.int16)
    assert packed(window) == packed(window)
    (again,) = heard(packed(window)).sound
    assert len(again) == WINDOW
    assert np.abs(again.astype(int) - window).mean() < 200
