"""The JSON shapes of classifying pictures, the same for the server and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from api.query_schemas import Body, Text
from rag.settings import Name
from rag.vision.zero_shot import Classified, Wanted
from rag.vision.zero_shot.prompts import LABEL_CHARACTERS, LABELS, TEMPLATES_MOST, Language

LabelText = Annotated[Text, StringConstraints(min_length=1, max_length=LABEL_CHARACTERS)]


class WantedIn(Body):
    """A label with a sentence on how what it means looks."""

    name: LabelText
    description: Annotated[Text, StringConstraints(max_length=2000)] = ""


class WaysIn(Body):
    """How pictures are sorted: by labels, or by a classifier that was taught in their collection."""

    labels: Annotated[list[LabelText | WantedIn], Field(max_length=LABELS)] = Field(default_factory=list)
    classifier: Name | None = Field(None, description="instead of labels; its collection is `collection`")
    multi: bool = Field(False, description="each label for itself; else one of them")
    none: bool = Field(True, description="it may be none of these (not with `multi`)")
    language: Language = Field("en", description="of the templates that labels are put into")
    templates: Annotated[list[LabelText], Field(max_length=TEMPLATES_MOST)] = Field(
        default_factory=list, description="other ones, with {} where the label goes: `a sketch of a {}`"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.labels) == (self.classifier is not None):
            raise ValueError("give labels, or a classifier that was taught: one of them")
        return self

    def wanted(self) -> list[Wanted]:
        return [
            Wanted(one) if isinstance(one, str) else Wanted(one.name, one.description) for one in self.labels
        ]


class ClassifyIn(WaysIn):
    """A picture, and how it is sorted."""

    image: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None, description="a data URI in base64, `olhar:<item id>`, or a URL; in a form, a file"
    )
    collection: Name | None = Field(None, description="where `olhar:<item id>` and the classifier are")
    top: int = Field(10, ge=1, le=LABELS, description="labels in the answer, at most")


class ProbableOut(BaseModel):
    """A label and its probability."""

    name: str
    probability: float


class ClassifiedOut(BaseModel):
    """Labels, likeliest first.

    ``best`` is null when it is likelier none of them; ``calibrated`` says whether the probabilities were
    fitted to the encoder, or are a guess.
    """

    labels: list[ProbableOut]
    none: float | None
    best: str | None
    multi: bool
    calibrated: bool
    warnings: list[str]

    @classmethod
    def of(
        cls, found: Classified, *, top: int, multi: bool, calibrated: bool, warnings: Sequence[str] = ()
    ) -> Self:
        return cls(
            labels=[ProbableOut(name=one.name, probability=one.probability) for one in found.labels[:top]],
            none=found.none,
            best=found.best.name if found.best else None,
            multi=multi,
            calibrated=calibrated,
            warnings=list(warnings),
        )
