"""Pitches as Kaldi's, against what transformers makes of Kaldi's definitions; a resampler without echoes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from rag.encoders.imagebind.mel import BINS, CLIP, FRAMES, RATE, clips, lowered, pitches
from rag.types import SOUND_RATE

EMPTY = (0 + 4.268) / 9.138
"""What a frame that is not there looks like."""


def waves(seconds: float, hertz: float, rate: int) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * rate)) / rate).float()


@pytest.mark.filterwarnings("ignore:At least one mel filter has all zero")  # so low that nothing is there
@pytest.mark.parametrize("samples", [CLIP, 3_000])
def test_pitches_are_those_of_another_implementation(samples: int) -> None:
    noise = torch.from_numpy(np.random.default_rng(0).normal(0.1, 0.2, samples)).float()
    wave = noise + waves(samples / RATE, 440, RATE)
    filters = mel_filter_bank(
        257, BINS, 20, RATE // 2, RATE, norm=None, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    expected = spectrogram(
        (wave - wave.mean()).numpy(), window_function(400, "hann", periodic=False), 400, 160, 512, power=2.0,
        center=False, preemphasis=0.97, mel_filters=filters, log_mel="log", mel_floor=1.1920929e-07,
        remove_dc_offset=True,
    )  # fmt: skip
    found = pitches(wave).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


def test_what_can_be_heard_at_the_lower_rate_is_kept_and_the_rest_gone() -> None:
    kept, gone = (lowered(waves(1, hertz, SOUND_RATE)) for hertz in (1_000, 11_000))
    assert len(kept) == RATE
    middle = slice(100, -100)
    assert torch.allclose(kept[middle], waves(1, 1_000, RATE)[middle], atol=0.01)
    assert float(gone[middle].abs().max()) < 0.02


def test_three_clips_of_a_window_lie_at_even_distances() -> None:
    window = np.concatenate([np.full(2 * SOUND_RATE, level, np.int16) for level in range(5)])
    window[SOUND_RATE::] += (1000 * np.sin(np.arange(9 * SOUND_RATE))).astype(np.int16)
    seen = clips(window)
    assert seen.shape == (3, 1, BINS, FRAMES)
    whole = lowered(torch.from_numpy(window).float() / 32_768)
    for clip, start in zip(seen, (0, 4 * RATE, 8 * RATE), strict=True):
        one = pitches(whole[start : start + CLIP])
        assert torch.allclose(clip[0, :, :198], (one + 4.268) / 9.138, atol=1e-4)
        assert torch.allclose(clip[0, :, 198:], torch.tensor(EMPTY), atol=1e-5)


def test_a_blink_is_heard_too() -> None:
    seen = clips(np.array([5, -5, 9], np.int16))
    assert seen.shape == (3, 1, BINS, FRAMES)
    assert torch.isfinite(seen).all()
