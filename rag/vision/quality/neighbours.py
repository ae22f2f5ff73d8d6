"""What the nearest of each vector tell: hubs, how many directions there are, who lies apart."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.vision.quality.geometry import Floats

Places = NDArray[np.intp]
SAME: Final = 1e-3
"""Distance below which two vectors are one picture: what rounding leaves of equal ones."""
TRUSTED: Final = 0.9
"""Share of the ratios that the dimension is fitted to: the largest are those of pictures that lie apart."""
MAD_TO_DEVIATION: Final = 1.4826


def nearest(likeness: Floats, k: int, *, same: bool = True) -> Places:
    """The ``k`` columns most like each row, best first, shape (n, k); ``same``: no row is its own."""
    scores = likeness.copy()
    if same:
        np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def occurrences(found: Places, count: int) -> NDArray[np.intp]:
    """How often each of ``count`` is among those found."""
    return np.bincount(found.ravel(), minlength=count)


def skewness(counts: NDArray[np.intp]) -> float:
    """The third standardised moment of k-occurrences; 0 where all are equal.

    Radovanović, Nanopoulos and Ivanović 2010, “Hubs in Space”, equation 1.
    """
    centred = counts - counts.mean()
    spread = counts.std()
    return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


def intrinsic_dimension(likeness: Floats) -> float | None:
    """How many directions the vectors vary in, by the ratio of the distances to the two nearest.

    Facco et al. 2017, “Estimating the intrinsic dimension of datasets by a minimal neighborhood information”:
    -log(1 - F) = d log μ, a line through 0 fitted to the 90 % smallest ratios. None where fewer than ten
    vectors differ from their nearest.
    """
    distances = np.sqrt(np.maximum(2 - 2 * likeness, 0.0))
    np.fill_diagonal(distances, np.inf)
    two = np.partition(distances, 1, axis=1)[:, :2]
    ratios = np.sort(np.log(two[two[:, 0] > SAME][:, 1] / two[two[:, 0] > SAME][:, 0]))
    if len(ratios) < 10:
        return None
    kept = int(len(ratios) * TRUSTED)
    x, y = ratios[:kept], -np.log(1 - np.arange(1, kept + 1) / len(ratios))
    spread = float((x * x).sum())
    return float((x * y).sum() / spread) if spread > 0 else None


def apart(likeness: Floats, k: int) -> tuple[Floats, Floats]:
    """Of each vector the mean cosine distance to its ``k`` nearest (Ramaswamy, Rastogi and Shim 2000), and
    how far that is from the median of all, in robust deviations (Iglewicz and Hoaglin 1993)."""
    best = np.take_along_axis(likeness, nearest(likeness, k), axis=1)
    distances = 1 - best.mean(axis=1)
    off = distances - np.median(distances)
    deviation = float(np.median(np.abs(off))) * MAD_TO_DEVIATION
    return distances, off / deviation if deviation > 0 else np.zeros(len(off))
