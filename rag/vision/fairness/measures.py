"""How unevenly groups are found, and how unevenly well they are served.

Of all measures 0 is even. Groups are numbers from 0 on; ``targets`` their shares, shape (groups,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]


def skews(ranked: Groups, targets: Floats, k: int) -> Floats:
    """Skew@k of each group in each list: ln of its share of the first k over its target.

    Shape (lists, groups); -inf for a group that is not there. ``ranked``: the groups of what was found, of
    shape (lists, depth).
    Geyik, Ambler and Kenthapadi 2019, “Fairness-Aware Ranking in Search & Recommendation Systems”, 3.1.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(
            np.log(_counted(ranked[:, :k], len(targets))[:, -1] / min(k, ranked.shape[1]) / targets)
        )


def max_skew(ranked: Groups, targets: Floats, k: int) -> Floats:
    """The largest of the skews of each list: how much too often the group is there that is so most (3.2)."""
    return np.asarray(skews(ranked, targets, k).max(axis=1))


def ndkl(ranked: Groups, targets: Floats) -> Floats:
    """Normalised discounted cumulative Kullback-Leibler divergence of each list (definition 3.4).

    How far the shares of every first i are from the targets, counted the more the nearer to the top.
    """
    depth = ranked.shape[1]
    shares = _counted(ranked, len(targets)) / np.arange(1, depth + 1)[:, None]
    logs = np.log(np.where(shares > 0, shares / targets, 1.0))
    discount = 1 / np.log2(np.arange(2, depth + 2))
    return np.asarray(((shares * logs).sum(axis=2) * discount).sum(axis=1) / discount.sum())


def means(values: Floats, groups: Groups, count: int) -> Floats:
    """The mean of the values of each group, shape (groups,)."""
    return np.asarray(
        np.bincount(groups, values, count) / np.maximum(np.bincount(groups, minlength=count), 1)
    )


def gap(values: Floats, groups: Groups, count: int) -> float:
    """Between the group with the largest mean and the one with the smallest."""
    found = means(values, groups, count)
    return float(found.max() - found.min())


def _counted(ranked: Groups, count: int) -> Floats:
    """How many of each group are among the first i, shape (lists, depth, groups)."""
    return np.asarray(np.cumsum(ranked[:, :, None] == np.arange(count), axis=1), np.float64)
