"""What there is none of: labels against what captions say and pictures look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rag.folding import stems
from rag.protocols import ImageEncoder, Store
from rag.types import Item, LabelCalibration, Scope
from rag.vision.curation.types import MOST_SAMPLED, Coverage, LabelCoverage
from rag.vision.sampling import sample
from rag.vision.zero_shot import Classifier, Wanted

SURE: Final = 0.5
"""Probability from which on a picture is taken to look like a label."""
SURE_BY_GUESS: Final = 0.9
"""The same where nobody fitted probabilities: at .5 half of what shows nothing of the kind would count."""


def coverage(
    store: Store,
    encoder: ImageEncoder,
    calibration: LabelCalibration | None,
    scope: Scope,
    labels: Sequence[str],
    *,
    least: int = 1,
    limit: int = MOST_SAMPLED,
    seed: int = 0,
) -> Coverage:
    """How many of a sample of at most ``limit`` pictures show each label.

    A label is said where a tag is it, or all its words stand in the caption in any of their forms. How a
    picture looks is told for each label by itself; without a ``calibration`` of the encoder that is a guess.
    Raises InvalidInput for labels that cannot be used.
    """
    wanted = list(dict.fromkeys(label.strip() for label in labels))
    classifier = Classifier(encoder, [Wanted(label) for label in wanted], calibration=calibration, multi=True)
    seen = sample(store, scope, min(limit, MOST_SAMPLED), seed)
    said = _said(seen.items, wanted)
    sure = SURE_BY_GUESS if calibration is None else SURE
    looks: dict[str, set[int]] = {label: set() for label in wanted}
    for place, found in enumerate(classifier.classify(seen.vectors) if seen.rows else ()):
        for one in found.labels:
            if one.probability >= sure:
                looks[one.name].add(place)
    told = [
        LabelCoverage(
            label,
            len(one),
            len(looks[label]),
            len(one | looks[label]),
            _example(seen.items, one, looks[label]),
        )
        for label, one in zip(wanted, said, strict=True)
    ]
    told.sort(key=lambda one: (one.either, one.label))
    missing = [one.label for one in told if one.either < least]
    return Coverage(seen.total, len(seen.rows), least, calibration is not None, told, missing)


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
