"""How sure a figure is: intervals by the bootstrap, p-values by dealing out the groups anew.

The papers' tests of association are one-sided; here no direction is supposed, and p is two-sided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from rag.vision.fairness.association import Members, effect
from rag.vision.fairness.measures import Floats, Groups, gap
from rag.vision.fairness.types import Figure

DEALS: Final = 499
DRAWS: Final = 1000
DIGITS: Final = 4


def of_lists(
    measure: Callable[[Groups], Floats], found: Groups, groups: Groups, rng: np.random.Generator
) -> Figure:
    """The mean over lists, drawn with replacement for the interval.

    ``found``: places of the items of each list, shape (lists, depth); ``groups``: of all items.
    """
    values = measure(groups[found])
    drawn = values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
    dealt = np.array([measure(rng.permutation(groups)[found]).mean() for _ in range(DEALS)])
    return _figure(float(values.mean()), drawn, dealt)


def of_gap(values: Floats, groups: Groups, count: int, rng: np.random.Generator) -> Figure:
    """Of the gap between groups; for the interval each group is drawn anew from its own."""
    drawn = [gap(*_redrawn(values, groups, rng), count) for _ in range(DRAWS)]
    dealt = [gap(values, rng.permutation(groups), count) for _ in range(DEALS)]
    return _figure(gap(values, groups, count), np.array(drawn), np.array(dealt))


def of_effect(leanings: Floats, members: Members, rng: np.random.Generator) -> Figure:
    """Of the effect of an association; as far from 0 on either side counts."""
    drawn = []
    for _ in range(DRAWS):
        values, again = _redrawn(leanings, members.astype(np.intp), rng)
        drawn.append(effect(values, again.astype(bool)))
    dealt = np.array([effect(leanings, rng.permutation(members)) for _ in range(DEALS)])
    found = effect(leanings, members)
    as_far = (1 + (np.abs(dealt) >= abs(found) - 1e-12).sum()) / (1 + DEALS)
    return _rounded(found, np.array(drawn), float(np.abs(dealt).mean()), float(as_far))


def _redrawn(values: Floats, groups: Groups, rng: np.random.Generator) -> tuple[Floats, Groups]:
    chosen = np.concatenate(
        [rng.choice(own, len(own)) for own in (np.flatnonzero(groups == g) for g in np.unique(groups))]
    )
    return values[chosen], groups[chosen]


def _figure(value: float, drawn: Floats, dealt: Floats) -> Figure:
    p = (1 + (dealt >= value - 1e-12).sum()) / (1 + len(dealt))
    return _rounded(value, drawn, float(dealt.mean()), float(p))


def _rounded(value: float, drawn: Floats, by_chance: float, p: float) -> Figure:
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    return Figure(*(round(float(number), DIGITS) for number in (value, low, high, by_chance, p)))
