"""Pictures that stand for the others.

Chosen greedily, so that the sum over all pictures of the cosine to the nearest of those chosen (facility
location) grows most with each: never below 1 - 1/e of the best choice there is (Nemhauser, Wolsey and Fisher
1978). What a picture would add is counted anew only when it could be the next (Minoux 1978).
"""

from __future__ import annotations

import heapq

import numpy as np

from rag.protocols import Store
from rag.types import Matrix, Scope
from rag.vision.curation.types import MOST_SAMPLED, Pick, Representatives
from rag.vision.sampling import sample, shown


def representatives(
    store: Store, scope: Scope, count: int, *, limit: int = MOST_SAMPLED, seed: int = 0
) -> Representatives:
    """``count`` pictures that stand for a sample of at most ``limit``. Raises what the store raises."""
    seen = sample(store, scope, min(limit, MOST_SAMPLED), seed)
    if not seen.rows:
        return Representatives(seen.total, 0, [])
    likeness = _similarity(seen.vectors)
    chosen = facility_location(likeness, count)
    nearest = np.bincount(likeness[:, chosen].argmax(axis=1), minlength=len(chosen)).tolist()
    covered = np.maximum.accumulate(likeness[:, chosen], axis=1).mean(axis=0).tolist()
    return Representatives(
        seen.total,
        len(seen.rows),
        [
            Pick(seen.items[place].id, shown(seen.items[place].source), stands_for, round(mean, 4))
            for place, stands_for, mean in zip(chosen, nearest, covered, strict=True)
        ],
    )


def facility_location(likeness: Matrix, count: int) -> list[int]:
    """Places of ``count`` columns, in the order in which they are chosen.

    ``likeness``: shape (n, n), not below 0.
    """
    best = np.zeros(len(likeness), likeness.dtype)
    waiting = [(-float(gain), place) for place, gain in enumerate(likeness.sum(axis=0))]
    heapq.heapify(waiting)
    chosen: list[int] = []
    while waiting and len(chosen) < count:
        _, place = heapq.heappop(waiting)
        gain = float(np.maximum(likeness[:, place] - best, 0).sum())
        if waiting and -gain > waiting[0][0] + 1e-9:  # another may add more
            heapq.heappush(waiting, (-gain, place))
            continue
        chosen.append(place)
        np.maximum(best, likeness[:, place], out=best)
    return chosen


def _similarity(vectors: Matrix) -> Matrix:
    """Cosines; what looks away stands for nothing."""
    return np.asarray(np.clip(vectors @ vectors.T, 0.0, 1.0), np.float32)
