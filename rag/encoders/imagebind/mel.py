"""Sounds as ImageBind is given them: clips of two seconds, each as a picture of its pitches.

The pitches are Kaldi's (``compute-fbank-feats``): frames of 25 ms every 10 ms, without their mean, with
pre-emphasis, under a Hann window; the power of each frame in triangles on the mel scale of
1127 ln(1 + f / 700), as logarithms.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor

from rag.types import SOUND_RATE

RATE: Final = 16_000
"""Samples a second."""
CLIP: Final = 2 * RATE
"""Samples of a clip."""
CLIPS: Final = 3
"""Of a window, at even distances; they overlap where it is short."""
BINS: Final = 128
FRAMES: Final = 204
"""Of a clip; what its length does not fill is 0."""
FRAME: Final = 25 * RATE // 1000
SHIFT: Final = 10 * RATE // 1000
FFT: Final = 512
LOWEST: Final = 20.0
"""Hertz."""
EMPHASIS: Final = 0.97
MEAN: Final = -4.268
DEVIATION: Final = 9.138
"""Of the logarithms of the sounds that the model learned from."""
FULL: Final = 32_768.0
"""The largest sample of 16 bits."""

STEP: Final = SOUND_RATE // RATE
CROSSINGS: Final = 6
"""Zero crossings of the low-pass filter on either side."""
ROLLOFF: Final = 0.99
"""Where the filter ends, as a share of half of ``RATE``."""


def clips(window: Any) -> Tensor:
    """A window of 16-bit samples at SOUND_RATE as ``CLIPS`` normalised pictures, (clips, 1, BINS, FRAMES)."""
    wave = lowered(torch.as_tensor(window).float() / FULL)
    starts = [int(place * max(len(wave) - CLIP, 0) / (CLIPS - 1)) for place in range(CLIPS)]
    seen = torch.stack([_filled(pitches(wave[start : start + CLIP])) for start in starts])
    return ((seen - MEAN) / DEVIATION).unsqueeze(1)


def lowered(wave: Tensor) -> Tensor:
    """(samples,) at SOUND_RATE to RATE: a low-pass filter, a sinc under a Hann window; every third sample."""
    kernel = _low_pass()
    half = (len(kernel) - 1) // 2
    padded = torch.nn.functional.pad(wave, (half, half))
    return torch.nn.functional.conv1d(padded[None, None], kernel[None, None], stride=STEP)[0, 0]


def pitches(wave: Tensor) -> Tensor:
    """(samples,) at RATE, less its mean, as logarithms of its pitches, (BINS, frames)."""
    wave = wave - wave.mean()
    if len(wave) < FRAME:
        wave = torch.nn.functional.pad(wave, (0, FRAME - len(wave)))
    frames = wave.unfold(0, FRAME, SHIFT)
    frames = frames - frames.mean(dim=1, keepdim=True)
    before = torch.cat((frames[:, :1], frames[:, :-1]), dim=1)
    shaped = (frames - EMPHASIS * before) * torch.hann_window(FRAME, periodic=False)
    power = torch.fft.rfft(shaped, FFT).abs() ** 2
    strength: Tensor = power @ _triangles()
    return strength.clamp_min(torch.finfo(torch.float32).eps).log().T


def _filled(seen: Tensor) -> Tensor:
    """As many frames as the model sees."""
    return torch.nn.functional.pad(seen[:, :FRAMES], (0, max(0, FRAMES - seen.shape[1])))


@cache
def _low_pass() -> Tensor:
    """An odd number of taps, the middle one at 0."""
    half = math.ceil(CROSSINGS * STEP / ROLLOFF)
    at = torch.arange(-half, half + 1, dtype=torch.float64) * ROLLOFF / STEP
    window = torch.cos(at.clamp(-CROSSINGS, CROSSINGS) * math.pi / CROSSINGS / 2) ** 2
    return (torch.sinc(at) * window * ROLLOFF / STEP).float()


@cache
def _triangles() -> Tensor:
    """(FFT / 2 + 1, BINS): how much of each frequency belongs to each pitch."""
    low, high = _mel(torch.tensor([LOWEST, RATE / 2], dtype=torch.float64))
    edges = torch.linspace(float(low), float(high), BINS + 2, dtype=torch.float64)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    at = _mel(torch.arange(FFT // 2 + 1, dtype=torch.float64) * RATE / FFT)[:, None]
    rising, falling = (at - left) / (middle - left), (right - at) / (right - middle)
    return torch.minimum(rising, falling).clamp_min(0).float()


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hertz / 700)
