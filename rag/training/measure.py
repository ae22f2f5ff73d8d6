"""How well captions find their photos, by vectors."""

from __future__ import annotations

import torch
from torch import Tensor

RECALLS = (1, 5, 10)
ROWS = 1024


def recalls(image: Tensor, text: Tensor, owners: Tensor) -> dict[str, float]:
    """Text to image: recall@1, @5, @10 in [0, 1].

    ``image`` (photos, dim) and ``text`` (captions, dim) are unit vectors, ``owners`` the number of the
    photo of each caption. A photo that scores the same as the right one counts as before it, so that a
    model which takes everything for the same finds nothing.
    """
    ranks = []
    for start in range(0, len(text), ROWS):
        scores = text[start : start + ROWS] @ image.T
        right = scores.gather(1, owners[start : start + ROWS, None])
        ranks.append((scores >= right).sum(1) - 1)
    found = torch.cat(ranks)
    return {f"recall@{k}": round(float((found < k).double().mean()), 4) for k in RECALLS}
