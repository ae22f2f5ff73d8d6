"""What is stored of each photo, what is asked, and which photos are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from rag.errors import InvalidInput
from rag.evaluation.datasets import Photo

Protocol: TypeAlias = Literal["image-only", "captioned", "labels"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
WORDING = "a photo of a {}"


@dataclass(frozen=True, slots=True)
class Plan:
    """``stored``: the caption kept with each photo, empty for none. ``relevant``: for each query the places
    of the right photos in ``stored``."""

    stored: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[tuple[int, ...], ...]


def plan(photos: Sequence[Photo], protocol: Protocol) -> Plan:
    """What a protocol makes of the photos.

    ``image-only``: photos without text, every caption a query. ``captioned``: the first caption stored,
    the others queries. ``labels``: photos without text, one query "a photo of a {label}" for each label,
    and all photos with that label are right.

    Raises InvalidInput when that leaves nothing to ask.
    """
    made = _labels(photos) if protocol == "labels" else _captions(photos, stored=int(protocol == "captioned"))
    if not made.queries:
        need = {"image-only": "a caption", "captioned": "a second caption", "labels": "a label"}[protocol]
        raise InvalidInput(
            f"nothing to ask: none of the {len(photos)} usable photos has {need}; "
            f"--protocol {protocol} needs that"
        )
    return made


def _captions(photos: Sequence[Photo], stored: int) -> Plan:
    asked = [(text, place) for place, photo in enumerate(photos) for text in photo.captions[stored:]]
    return Plan(
        stored=tuple("".join(photo.captions[:stored]) for photo in photos),
        queries=tuple(text for text, _ in asked),
        relevant=tuple((place,) for _, place in asked),
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
    )
