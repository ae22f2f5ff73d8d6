"""How sure the figures are: intervals and tests that know which queries belong together.

Several captions of one photo are no independent queries: a photo that is hard to find is so for all of them.
What is drawn again, or has its sign turned, is therefore a photo with all its queries (a cluster).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.measures import Floats

RESAMPLES: Final = 2_000
FLIPS: Final = 10_000
CHUNK_CELLS: Final = 4_000_000
"""Numbers that are held at a time."""
LEVEL: Final = 0.95


def intervals(values: Floats, clusters: Sequence[int], seed: int) -> tuple[Floats, Floats]:
    """The lower and the upper end of the 95 % interval of the mean of each column.

    ``values`` has shape (queries, columns). Percentile bootstrap (Efron and Tibshirani 1993, chapter 13) over
    clusters: as many as there are, drawn with replacement, RESAMPLES times.
    """
    sums, counts = _by_cluster(values, clusters)
    size = len(counts)
    rng = np.random.default_rng(seed)
    means = []
    for rows in _chunks(RESAMPLES, size):
        drawn = rng.integers(0, size, (rows, size))
        times = np.stack([np.bincount(row, minlength=size) for row in drawn]).astype(np.float64)
        means.append((times @ sums) / (times @ counts)[:, None])
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def paired_p(differences: Floats, clusters: Sequence[int], seed: int) -> Floats:
    """Two-sided p of each column: that its mean is 0, by a randomisation test over clusters.

    ``differences`` has shape (queries, columns): what one ranking has more than another for the same query.
    Were the two equally good, the sign of a cluster's sum would be a coin's: FLIPS tosses say how often
    chance gets as far (Smucker, Allan and Carterette 2007, section 2.2; p = (1 + so often) / (1 + FLIPS),
    never 0).
    """
    sums, _ = _by_cluster(differences, clusters)
    seen = np.abs(sums.sum(axis=0))
    as_far = np.zeros(sums.shape[1])
    rng = np.random.default_rng(seed)
    for rows in _chunks(FLIPS, len(sums)):
        signs = rng.integers(0, 2, (rows, len(sums)), np.int8).astype(np.float64) * 2 - 1
        as_far += (np.abs(signs @ sums) >= seen - 1e-9).sum(axis=0)
    return np.asarray((1 + as_far) / (1 + FLIPS))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values of tests that were made together, corrected (Holm 1979): at most 1, in the same order."""
    corrected = [0.0] * len(p)
    highest = 0.0
    for place, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, p[i] * (len(p) - place)))
        corrected[i] = highest
    return corrected


def _by_cluster(values: Floats, clusters: Sequence[int]) -> tuple[Floats, Floats]:
    """The sum of each column over each cluster, and how many queries it has."""
    _, number = np.unique(np.asarray(clusters), return_inverse=True)
    counts: NDArray[np.intp] = np.bincount(number)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, number, values)
    return sums, counts.astype(np.float64)


def _chunks(rows: int, columns: int) -> Iterator[int]:
    most = max(1, CHUNK_CELLS // max(1, columns))
    while rows > 0:
        yield min(rows, most)
        rows -= most
