"""Scores that were given before: the same model gives the same pair the same one."""

from __future__ import annotations

import threading
from collections import OrderedDict

from rag.rerankers.scorer import Pair

CAPACITY = 10_000
"""Pairs; at 2,000 characters each about 40 MB."""


class Scores:
    """The last scores of pairs, by digest of the model. Safe to use from several threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, Pair], float] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str, pair: Pair) -> float | None:
        """Its score, which thereby counts as just used."""
        with self._lock:
            score = self._kept.get((digest, pair))
            if score is not None:
                self._kept.move_to_end((digest, pair))
            return score

    def put(self, digest: str, pair: Pair, score: float) -> None:
        """Keep it; the one used longest ago makes room."""
        with self._lock:
            self._kept[digest, pair] = score
            self._kept.move_to_end((digest, pair))
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
