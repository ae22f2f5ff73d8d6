"""The learning rate over the steps of a run."""

from __future__ import annotations

import math


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """The factor of the learning rate at ``step`` of ``steps``: up in a line over the share ``warmup`` of
    the run, then down a half cosine to 0 (Loshchilov & Hutter 2017, arXiv 1608.03983, equation 5).
    """
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1.0, steps - rising)))
