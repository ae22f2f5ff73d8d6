"""Where torch's random numbers stand, kept and taken up again."""

from __future__ import annotations

import torch
from torch import Tensor


def random_state() -> list[Tensor]:
    """The state of the generator of the CPU, then of that of each CUDA device."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return [torch.get_rng_state(), *cuda]


def set_random_state(state: list[Tensor]) -> None:
    """Go on from there: the same draws come again."""
    torch.set_rng_state(state[0].cpu())
    if torch.cuda.is_available() and len(state) == 1 + torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in state[1:]])
