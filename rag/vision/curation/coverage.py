"""What there is none of: labels against what captions say and pictures look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rag.errors import InvalidInput
from rag.folding import stems
from rag.protocols import ImageEncoder, Store
from rag.types import Item, Scope
from rag.vision.curation.types import MOST_LABELS, MOST_SAMPLED, Coverage, LabelCoverage
from rag.vision.sampling import sample
from rag.vision.zero_shot import ZeroShot

SURE: Final = 0.5
"""Probability among the labels from which on a picture is taken to look like one."""


def coverage(
    store: Store,
    encoder: ImageEncoder,
    scope: Scope,
    labels: Sequence[str],
    *,
    least: int = 1,
    limit: int = MOST_SAMPLED,
    seed: int = 0,
) -> Coverage:
    """How many of a sample of at most ``limit`` pictures show each label.

    A label is said where a tag is it, or all its words stand in the caption in any of their forms. Raises
    InvalidInput for fewer than two labels, or too many.
    """
    wanted = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
    if not 2 <= len(wanted) <= MOST_LABELS:
        raise InvalidInput(f"{len(wanted)} labels; give from 2 to {MOST_LABELS}, since they are told apart")
    seen = sample(store, scope, min(limit, MOST_SAMPLED), seed)
    said = _said(seen.items, wanted)
    looks: list[set[int]] = [set() for _ in wanted]
    for place, found in enumerate(ZeroShot(encoder, wanted).label(seen.vectors, top=1)):
        if found[0].probability >= SURE:
            looks[wanted.index(found[0].name)].add(place)
    told = [
        LabelCoverage(label, len(one), len(other), len(one | other), _example(seen.items, one, other))
        for label, one, other in zip(wanted, said, looks, strict=True)
    ]
    told.sort(key=lambda one: (one.either, one.label))
    missing = [one.label for one in told if one.either < least]
    return Coverage(seen.total, len(seen.rows), least, told, missing)


def _said(items: Sequence[Item], labels: Sequence[str]) -> list[set[int]]:
    """Places of the items whose tags or captions have each label."""
    texts = [stems(item.caption) for item in items]
    tags = [{stems(tag) for tag in item.tags} for item in items]
    return [
        {place for place, text in enumerate(texts) if words and (words <= text or words in tags[place])}
        for words in map(stems, labels)
    ]


def _example(items: Sequence[Item], said: set[int], looks: set[int]) -> str:
    """Of a picture that is both, if there is one."""
    best = sorted(said & looks) or sorted(said) or sorted(looks)
    return items[best[0]].id if best else ""
