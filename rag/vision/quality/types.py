"""What is said of the vectors of a collection. As it is here it is sent, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SAMPLE: Final = 1000
MOST_SAMPLED: Final = 5000
"""The cosines of all pairs take 200 MB."""
MOST_MAPPED: Final = 400
LEAST: Final = 10
"""Pictures, of which something can be told."""


@dataclass(frozen=True, slots=True)
class Options:
    """``sample``: pictures that are looked at; ``mapped``: those of them that get a place on the map.

    ``since``: newer pictures were added after it, in Unix seconds; 0: the newest fifth.
    """

    sample: int = SAMPLE
    mapped: int = 0
    since: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Hubness:
    """How often each picture is among the ``k`` nearest of others: ``skewness`` of that count, 0 where all
    are found alike; ``never``, the share that is not found at all; ``most``, the largest count, and whose.
    """

    k: int
    skewness: float
    never: float
    most: int
    item_id: str


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions, as vectors in the space of the pictures, and the pictures that they are of.

    ``alignment``: mean squared distance of a pair, in [0, 4]; ``gap``: distance between the mean picture and
    the mean caption, in [0, 2]; ``uniformity``: of the captions; ``hubness``: of pictures, when the captions
    ask.
    """

    pairs: int
    alignment: float
    gap: float
    uniformity: float
    hubness: Hubness


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group of pictures, with the words that say best what it shows and the others do not."""

    number: int
    size: int
    words: list[str]
    example: str


@dataclass(frozen=True, slots=True)
class Clusters:
    """``silhouettes``: the mean silhouette in [-1, 1] of k-means, by k; ``clusters``: of the ``best`` k."""

    silhouettes: dict[int, float]
    best: int
    clusters: list[Cluster]


@dataclass(frozen=True, slots=True)
class Alike:
    """Pictures that look like others of the sample: how many, and in how many groups."""

    pictures: int
    groups: int


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture far from its nearest: ``distance`` is the mean cosine distance to them, ``score`` its robust
    z-score."""

    item_id: str
    source: str
    distance: float
    score: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Newer pictures beside older ones: squared maximum mean discrepancy, and its permutation p-value.

    ``since``: when the newer ones begin, in Unix seconds. ``nearest``: share of the newer ones whose nearest
    picture is a newer one, beside the share that chance gives.
    """

    newer: int
    older: int
    since: int
    mmd: float
    p: float
    nearest: float
    by_chance: float


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the map, both numbers in [0, 1]."""

    item_id: str
    source: str
    x: float
    y: float
    cluster: int


@dataclass(frozen=True, slots=True)
class Quality:
    """What the vectors of a collection's pictures are like.

    Of ``pictures``, ``sampled`` were looked at. ``distance``: mean cosine distance of two of them, in [0, 2].
    ``uniformity``: 0 or below, the lower the more evenly they lie. ``dimension``: how many directions they
    really vary in. ``notes`` say what was not measured, and why.
    """

    collection: str
    encoder: str
    pictures: int
    sampled: int
    seed: int
    distance: float
    uniformity: float
    dimension: float | None
    hubness: Hubness
    captions: Captions | None
    clusters: Clusters
    alike: Alike
    outliers: list[Outlier]
    drift: Drift | None
    map: list[Point]
    notes: list[str]
