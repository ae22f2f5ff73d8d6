"""Sounds to windows; what cannot be heard says why."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from ingest.sounds.decoding import MOST, WINDOW, heard
from rag.errors import BadSound
from rag.types import SOUND_RATE
from tests.clips import clip, tone


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "ipod"])
def test_a_tone_keeps_its_pitch_and_its_length(kind: str) -> None:
    found = heard(tone(kind, pitch=1000))
    (window,) = found.sound
    assert found.seconds == pytest.approx(1.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(window.astype(float)))
    assert spectrum.argmax() * SOUND_RATE / len(window) == pytest.approx(1000, abs=3)


def test_a_long_sound_gives_windows_at_even_distances() -> None:
    found = heard(tone(seconds=131, rate=4000))
    assert found.seconds == pytest.approx(131, abs=0.1)
    assert len(found.sound) <= MOST
    assert {len(window) for window in found.sound} == {WINDOW}
    assert len(heard(tone(seconds=12, rate=4000)).sound) == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"RIFF\0\0\0\0WAVE", "damaged|nothing"),
        (b"fLaC" + bytes(50), "damaged|nothing"),
        (clip(), "no sound in it"),
        (b"hello", "known format"),
    ],
)
def test_what_cannot_be_heard_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadSound, match=reason):
        heard(data)


def test_it_ends_in_time_with_what_there_is() -> None:
    ticks = count()
    found = heard(tone(seconds=40, rate=4000), seconds=1.5, clock=lambda: float(next(ticks)))
    assert found.problems == ("its end was left out: it took too long",)
    assert len(found.sound) == 2
