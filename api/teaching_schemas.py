"""The JSON shapes of classifiers that are taught, and of sorting a collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from api.classify_schemas import LabelText, WaysIn
from api.query_schemas import Body
from ingest.classifying import Sorted
from rag.records.classifiers import Kept
from rag.settings import Name
from rag.vision.zero_shot.prompts import LABELS, Language

Example = Annotated[str, StringConstraints(min_length=1)]


class TeachIn(Body):
    """A classifier and its examples: for each label ids of items, or pictures as data URIs or URLs."""

    name: Name
    examples: Annotated[
        dict[LabelText, Annotated[list[Example], Field(min_length=1, max_length=1000)]],
        Field(min_length=2, max_length=LABELS),
    ]
    words: bool = Field(True, description="the words of the labels count beside the examples")
    language: Language = "en"


class ClassifierOut(BaseModel):
    """A classifier. `usable`: it was taught with the encoder that is set now.

    `shares`: how common each label seemed to be in the collection when it was taught; null where that had too
    few pictures, so that probabilities are not calibrated.
    """

    name: str
    labels: list[str]
    examples: dict[str, int]
    created_at: float
    encoder: str
    usable: bool
    shares: dict[str, float] | None

    @classmethod
    def of(cls, kept: Kept, *, usable: bool, shares: Mapping[str, float] | None) -> Self:
        return cls(
            name=kept.name,
            labels=list(kept.labels),
            examples=dict(kept.examples),
            created_at=kept.created_at,
            encoder=kept.fingerprint.name,
            usable=usable,
            shares=None if shares is None else dict(shares),
        )


class ClassifiersOut(BaseModel):
    """By name."""

    classifiers: list[ClassifierOut]


class SortIn(WaysIn):
    """How a collection is sorted; with `store` labels become tags where nobody else gave any."""

    store: bool = False
    threshold: float = Field(0.5, ge=0, le=1, description="a label below it is not given")


class SortedOut(BaseModel):
    """How many pictures got each label, and none; `tagged` were written, `kept` have others' tags."""

    pictures: int
    labels: dict[str, int]
    none: int
    tagged: int
    kept: int
    calibrated: bool
    warnings: list[str]

    @classmethod
    def of(cls, found: Sorted, *, calibrated: bool, warnings: list[str]) -> Self:
        return cls(
            pictures=found.pictures,
            labels=dict(found.labels),
            none=found.none,
            tagged=found.tagged,
            kept=found.kept,
            calibrated=calibrated,
            warnings=warnings,
        )
