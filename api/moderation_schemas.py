"""The JSON shapes of moderation, the same for the server and the command line."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from api.query_schemas import Body, Text
from rag.records.reviews import NOTE, Review
from rag.settings import Name
from rag.vision.moderation import Action, Verdict

Packaged = Literal["default", "default-pt"]


class ModerateIn(Body):
    """A picture or a text, and the policy that it is held against."""

    image: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None, description="a data URI in base64, `olhar:<item id>`, or a URL; in a form, a file"
    )
    text: Annotated[Text, StringConstraints(min_length=1)] | None = None
    policy: Packaged | None = Field(
        None, description="unset: that of OLHAR_MODERATION, or `default` where that is off"
    )
    collection: Name | None = Field(None, description="where `olhar:<item id>` is")


class VerdictOut(BaseModel):
    """What a policy says; see docs/moderation.md. `confidence` is 1 − the highest score that is unsafe."""

    is_safe: bool
    confidence: float
    flagged_categories: list[str]
    scores: dict[str, float]
    action: Action
    policy: str

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        return cls(
            is_safe=verdict.is_safe,
            confidence=verdict.confidence,
            flagged_categories=list(verdict.flagged_categories),
            scores=dict(verdict.scores),
            action=verdict.action,
            policy=verdict.policy,
        )


class DecidedOut(BaseModel):
    """A decision; `by` is the prefix of the key, empty for somebody on the server's machine."""

    decision: Literal["allow", "reject"]
    by: str
    note: str
    at: float


class ReviewOut(BaseModel):
    """A picture that was flagged or kept out. `item_id` is its item, where it is stored."""

    id: str
    collection: str
    source: str
    item_id: str
    action: str
    policy: str
    flagged_categories: list[str]
    scores: dict[str, float]
    state: Literal["pending", "allowed", "rejected"]
    at: float
    decisions: list[DecidedOut]

    @classmethod
    def of(cls, review: Review) -> Self:
        return cls(
            id=review.id,
            collection=review.collection,
            source=review.source,
            item_id=review.item_id,
            action=review.action,
            policy=review.policy,
            flagged_categories=list(review.flagged),
            scores=dict(review.scores),
            state=review.state,
            at=review.at,
            decisions=[
                DecidedOut(decision=one.decision, by=one.by, note=one.note, at=one.at)
                for one in review.decided
            ],
        )


class ReviewsOut(BaseModel):
    """Reviews, newest first; `next` goes on after them, null at the end."""

    reviews: list[ReviewOut]
    next: str | None


class DecideIn(Body):
    """What is to become of a picture. What is rejected is deleted if it is stored, and kept out from then on;
    what is allowed and was kept out is taken up when its job is retried, or the file sent again.
    """

    decision: Literal["allow", "reject"]
    note: Annotated[Text, StringConstraints(max_length=NOTE)] = ""
