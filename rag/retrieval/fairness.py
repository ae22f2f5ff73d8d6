"""Give groups their share of what is found, with as little loss of relevance as can be.

Geyik, Ambler and Kenthapadi 2019, “Fairness-Aware Ranking in Search & Recommendation Systems with Application
to LinkedIn Talent Search”, algorithm 1 (DetGreedy).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from rag.retrieval.grouping import Grouped
from rag.types import Fair

MODALITY = "modality"
"""The field that is the item's own, and not of its metadata: ``image``, ``audio``, …"""
OTHERS = ""
"""Those of no group that has a share; what the shares leave is theirs."""


class DetGreedy:
    """Remembers how many of each group were taken, so that one list may go on where another ended."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        rest = 1 - sum(shares.values())
        self._shares = {**shares, OTHERS: rest if rest > 1e-9 else 0.0}
        self._counts = dict.fromkeys(self._shares, 0)
        self._taken = 0

    def order(self, groups: Sequence[str]) -> Iterator[int]:
        """Places of items that come in order of relevance, each with its group.

        Of every first n each group has at least ⌊n × its share⌋ and at most ⌈n × its share⌉, as long as it
        has items left. Of four groups or more, several can be due at once, and some come a place late.
        """
        queues: dict[str, deque[int]] = {name: deque() for name in self._shares}
        for place, name in enumerate(groups):
            queues[name if name in self._shares else OTHERS].append(place)
        for _ in groups:
            chosen = self._next({name: queue[0] for name, queue in queues.items() if queue})
            self._counts[chosen] += 1
            self._taken += 1
            yield queues[chosen].popleft()

    def _next(self, first: Mapping[str, int]) -> str:
        """The group whose turn it is; ``first``: the best place that each still has."""
        n = self._taken + 1
        below = [g for g in first if self._counts[g] < math.floor(n * self._shares[g] + 1e-9)]
        within = [g for g in first if self._counts[g] < math.ceil(n * self._shares[g] - 1e-9)]
        return min(below or within or first, key=lambda g: first[g])


def fairly(hits: Iterator[Grouped], fair: Fair | None) -> Iterator[Grouped]:
    """The hits, each group getting its share of every first n. Hits of a further window come later."""
    if fair is None:
        yield from hits
        return
    given = list(hits)
    greedy = DetGreedy(dict(fair.shares))
    for window in sorted({hit.ranked.window for hit in given}):
        own = [hit for hit in given if hit.ranked.window == window]
        for place in greedy.order([_group(hit, fair.field) for hit in own]):
            yield own[place]


def _group(hit: Grouped, field: str) -> str:
    if field == MODALITY:
        return hit.ranked.item.modality
    return str(hit.ranked.item.metadata.get(field.removeprefix("metadata."), ""))
