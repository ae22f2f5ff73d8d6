"""What is stored of each photo, what is asked, and which photos are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from rag.errors import InvalidInput
from rag.evaluation.datasets import Dataset, Photo

Protocol: TypeAlias = Literal["image-only", "captioned", "labels", "passages"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
WORDING = "a photo of a {}"
NEEDS: Mapping[Protocol, str] = {
    "image-only": "{0} usable photos has a caption; --protocol image-only needs that",
    "captioned": "{0} usable photos has a second caption; --protocol captioned needs that",
    "labels": "{0} usable photos has a label; --protocol labels needs that",
    "passages": "{1} usable passages is an answer; --protocol passages needs that",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """``stored``: the text kept with each item, empty for none. ``relevant``: for each query the places
    of the right items in ``stored``. ``clusters``: queries with the same number are about the same photo.
    ``grades``: how right each of ``relevant`` is, where that is known."""

    stored: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[tuple[int, ...], ...]
    clusters: tuple[int, ...]
    grades: tuple[tuple[int, ...], ...] = ()

    def asking(self, some: Sequence[int]) -> Plan:
        """The same items, and of the queries only some, by their places."""
        return replace(
            self,
            queries=tuple(self.queries[q] for q in some),
            relevant=tuple(self.relevant[q] for q in some),
            clusters=tuple(self.clusters[q] for q in some),
            grades=tuple(self.grades[q] for q in some) if self.grades else (),
        )


def fitting(dataset: Dataset, asked: Protocol | None) -> Protocol:
    """The protocol that was asked for, or the first that fits. Raises InvalidInput when it does not fit."""
    texts = bool(dataset.passages)
    protocol: Protocol = asked or ("passages" if texts else "image-only")
    if texts != (protocol == "passages"):
        what = "texts: only --protocol passages fits" if texts else "photos: --protocol passages does not fit"
        raise InvalidInput(f"{dataset.folder} is a data set of {what}")
    return protocol


def plan(dataset: Dataset, protocol: Protocol) -> Plan:
    """What a protocol makes of a data set.

    ``image-only``: photos without text, every caption a query. ``captioned``: the first caption stored,
    the others queries. ``labels``: photos without text, one query "a photo of a {label}" for each label,
    and all photos with that label are right. ``passages``: texts without photos, their questions.

    Raises InvalidInput when that leaves nothing to ask.
    """
    photos = dataset.photos
    if protocol == "passages":
        made = _passages(dataset)
    elif protocol == "labels":
        made = _labels(photos)
    else:
        made = _captions(photos, stored=int(protocol == "captioned"))
    if not made.queries:
        raise InvalidInput(
            f"nothing to ask: none of the {NEEDS[protocol].format(len(photos), len(made.stored))}"
        )
    return made


def _captions(photos: Sequence[Photo], stored: int) -> Plan:
    asked = [(text, place) for place, photo in enumerate(photos) for text in photo.captions[stored:]]
    return Plan(
        stored=tuple("".join(photo.captions[:stored]) for photo in photos),
        queries=tuple(text for text, _ in asked),
        relevant=tuple((place,) for _, place in asked),
        clusters=tuple(place for _, place in asked),
    )


def _labels(photos: Sequence[Photo]) -> Plan:
    places: dict[str, list[int]] = {}
    for place, photo in enumerate(photos):
        for label in dict.fromkeys(photo.labels):
            places.setdefault(label, []).append(place)
    return Plan(
        stored=("",) * len(photos),
        queries=tuple(WORDING.format(label) for label in places),
        relevant=tuple(tuple(found) for found in places.values()),
        clusters=tuple(range(len(places))),
    )


def without_captions(made: Plan, share: float, seed: int) -> Plan:
    """The plan with the stored text of a share of the items that have one taken away, drawn at random.

    Raises InvalidInput when no text is stored at all.
    """
    there = [place for place, text in enumerate(made.stored) if text]
    if not there:
        raise InvalidInput("no captions are stored that could be dropped; use --protocol captioned")
    drawn = np.random.default_rng(seed).permutation(len(there))[: round(share * len(there))]
    dropped = {there[i] for i in drawn.tolist()}
    return replace(
        made, stored=tuple("" if place in dropped else text for place, text in enumerate(made.stored))
    )


def sampled(made: Plan, queries: int, seed: int) -> Plan:
    """The plan with so many of its queries, drawn at random and left in their order; all if it has fewer."""
    if queries >= len(made.queries):
        return made
    drawn = np.random.default_rng(seed).permutation(len(made.queries))[:queries]
    return made.asking(sorted(drawn.tolist()))


def _passages(dataset: Dataset) -> Plan:
    places = {passage.name: place for place, passage in enumerate(dataset.passages)}
    return Plan(
        stored=tuple(passage.text for passage in dataset.passages),
        queries=tuple(question.text for question in dataset.questions),
        relevant=tuple(tuple(places[name] for name in one.right) for one in dataset.questions),
        clusters=tuple(range(len(dataset.questions))),
        grades=tuple(tuple(one.right.values()) for one in dataset.questions),
    )
