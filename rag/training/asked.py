"""Questions at large, kept with the heads: the middles of groups of what is said of the training photos."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

CAPTIONS, NAMES = 384, 256
"""Groups of captions, and of plain names of objects; people ask in both ways."""
POINTS = 6000
"""At most so many are grouped: more change nothing."""
ROUNDS = 8


def drawn(texts: Sequence[Tensor], seed: int) -> Tensor:
    """Some rows of all of them, at most ``POINTS``."""
    rows = torch.cat(list(texts))
    return _some(rows, POINTS, torch.Generator().manual_seed(seed))


def questions(captions: Tensor, names: Tensor, *, seed: int, before: Tensor | None = None) -> Tensor:
    """Unit vectors, shape (groups, dim), of unit vectors of captions and of names of objects.

    ``before`` are the questions of heads that were gone on from: they count for as much as the captions.
    """
    rng = torch.Generator().manual_seed(seed)
    if before is not None:
        captions = torch.cat([captions, before.repeat(-(-len(captions) // len(before)), 1)])
    return torch.cat([grouped(captions, CAPTIONS, rng), grouped(names, NAMES, rng)])


def grouped(points: Tensor, groups: int, rng: torch.Generator) -> Tensor:
    """The middles of at most ``groups`` groups of unit vectors by cosine, each of length 1.

    Dhillon and Modha 2001, “Concept Decompositions for Large Sparse Text Data Using Clustering”.
    """
    middles = _some(points, groups, rng)
    for _ in range(ROUNDS):
        nearest = (points @ middles.T).argmax(1)
        sums = torch.zeros_like(middles).index_add_(0, nearest, points)
        empty = torch.bincount(nearest, minlength=len(middles)) == 0
        middles = torch.where(empty[:, None], middles, normalize(sums, dim=1))
    return middles


def _some(rows: Tensor, count: int, rng: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=rng)[:count]]
