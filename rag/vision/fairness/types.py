"""What is asked of an audit, and what it says. As it is here it is sent, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SAMPLE: Final = 2000
MOST_SAMPLED: Final = 5000
MOST_WORDS: Final = 200
MOST_GROUPS: Final = 20
LEAST: Final = 5
"""Pictures that a group has to have, or it is left out."""
WORDS: Final = (
    "doctor", "nurse", "teacher", "engineer", "cook", "farmer", "scientist", "artist", "athlete", "lawyer",
    "leader", "criminal", "cleaner", "musician", "student", "soldier", "hero", "beautiful person",
    "clever person", "poor person",
)  # fmt: skip
"""What is searched for where nothing else is said: roles that no group should own."""
ATTRIBUTES: Final = {
    "pleasant": ["love", "peace", "joy", "friend", "health", "freedom", "laughter", "heaven"],
    "unpleasant": ["hatred", "war", "grief", "enemy", "sickness", "prison", "filth", "death"],
}
"""After the lists of Caliskan et al. 2017, table 1."""


@dataclass(frozen=True, slots=True)
class Options:
    """``by``: the field of the items' metadata that says of which group they are; ``groups`` says it besides,
    by the id or the source of an item, and counts first. ``words`` are searched for; ``labels`` are told
    apart (none: the tags that the items have). ``attributes``: two lists of words, or of ``tag:`` and a tag,
    which stands for the pictures that have it. ``targets``: the share that each group should have of what is
    found (none: its share of the pictures). ``mitigated``: also measure re-ranked and projected.
    """

    by: str = ""
    groups: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=lambda: list(WORDS))
    labels: list[str] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=lambda: dict(ATTRIBUTES))
    targets: dict[str, float] = field(default_factory=dict)
    k: int = 10
    sample: int = SAMPLE
    mitigated: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval; ``by_chance``: its mean, and ``p``: how often it is as large, when
    groups are dealt out at random."""

    value: float
    low: float
    high: float
    by_chance: float
    p: float


@dataclass(frozen=True, slots=True)
class WordSkew:
    """The group that is found most too often for a word, and its share of the first k."""

    word: str
    skew: float
    group: str
    share: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What the first k of each word show. ``shares`` of each group over all words, beside ``targets``."""

    k: int
    words: int
    max_skew: Figure
    ndkl: Figure
    targets: dict[str, float]
    shares: dict[str, float]
    worst: list[WordSkew]


@dataclass(frozen=True, slots=True)
class Gap:
    """A mean by group, in [0, 1], and the difference between the largest and the smallest."""

    by_group: dict[str, float]
    counts: dict[str, int]
    gap: Figure


@dataclass(frozen=True, slots=True)
class Association:
    """How much more a group is like the first attribute than all others are, in standard deviations.

    ``p``: two-sided; ``p_holm``: corrected for the number of groups.
    """

    group: str
    effect: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Measures:
    """``recall``: of pictures by their own captions; ``error``: of labels that pictures get. Null where there
    are no captions, or no labels that are known to be right."""

    retrieval: Retrieval
    recall: Gap | None
    error: Gap | None
    associations: list[Association]


@dataclass(frozen=True, slots=True)
class Fairness:
    """An audit of a collection. ``reranked``: what is found when groups are given their target shares
    (DetGreedy); ``projected``: all measures on vectors without what tells the groups apart."""

    collection: str
    encoder: str
    by: str
    pictures: int
    sampled: int
    groups: dict[str, int]
    attributes: list[str]
    seed: int
    measures: Measures
    reranked: Retrieval | None
    projected: Measures | None
    notes: list[str]
