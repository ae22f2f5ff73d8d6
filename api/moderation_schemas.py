"""The JSON shapes of moderation, the same for the server and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from api.query_schemas import Body, Text
from ingest.moderating_stored import Moderated
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
    """A picture that was flagged or kept out. `item_id` is its item, where it is stored.

    `place`: which picture of a document or video it was judged by. `held`: it was stored, and is out of
    search until it is decided. `job_ids`, of a decision: the jobs that bring it back.
    """

    id: str
    collection: str
    source: str
    place: str
    item_id: str
    action: str
    policy: str
    flagged_categories: list[str]
    scores: dict[str, float]
    state: Literal["pending", "allowed", "rejected"]
    held: bool
    at: float
    decisions: list[DecidedOut]
    job_ids: list[str]

    @classmethod
    def of(cls, review: Review, jobs: Sequence[str] = ()) -> Self:
        return cls(
            id=review.id,
            collection=review.collection,
            source=review.source,
            place=review.place,
            item_id=review.item_id,
            action=review.action,
            policy=review.policy,
            flagged_categories=list(review.flagged),
            scores=dict(review.scores),
            state=review.state,
            held=review.held,
            at=review.at,
            decisions=[
                DecidedOut(decision=one.decision, by=one.by, note=one.note, at=one.at)
                for one in review.decided
            ],
            job_ids=list(jobs),
        )


class ReviewsOut(BaseModel):
    """Reviews, newest first; `next` goes on after them, null at the end."""

    reviews: list[ReviewOut]
    next: str | None


class DecideIn(Body):
    """What is to become of a picture. What is rejected is deleted if it is stored, and kept out from then on;
    what is allowed and was taken out of search comes back, by a job; what is allowed and was kept out from
    the beginning is taken up when its job is retried, or the file sent again.
    """

    decision: Literal["allow", "reject"]
    note: Annotated[Text, StringConstraints(max_length=NOTE)] = ""


class ModerateCollectionIn(Body):
    """What is stored is held against a policy. With `apply` what it says is carried out."""

    policy: Packaged | None = Field(
        None, description="unset: that of OLHAR_MODERATION, or `default` where that is off"
    )
    apply: bool = Field(False, description="keep reviews, and take out of search what is not to be there")


class FindingOut(BaseModel):
    """A file that the policy does not just allow, by the worst of its pictures, which stands at `place`.

    `review`: where it was put down, null where nothing was changed; `held`: it was taken out of search.
    """

    item_id: str
    source: str
    place: str
    action: Action
    flagged_categories: list[str]
    scores: dict[str, float]
    review: str | None
    held: bool


class ModeratedOut(BaseModel):
    """What a policy says of a collection. `files` were judged, `actions` counts them by what it says.

    `decided` were not judged: a person allowed them; `unseen` have pictures without a vector; `rejected`
    were not judged either: a person rejected them, they are stored all the same, and `apply` deletes them.
    `held` counts what was taken out of search. `findings` are the worst thousand.
    """

    collection: str
    policy: str
    applied: bool
    files: int
    decided: int
    unseen: int
    rejected: int
    held: int
    actions: dict[Action, int]
    findings: list[FindingOut]

    @classmethod
    def of(cls, collection: str, found: Moderated, *, applied: bool) -> Self:
        return cls(
            collection=collection,
            policy=found.policy,
            applied=applied,
            files=found.files,
            decided=found.decided,
            unseen=found.unseen,
            rejected=found.rejected,
            held=found.held,
            actions=dict(found.actions),
            findings=[
                FindingOut(
                    item_id=one.item_id,
                    source=one.source,
                    place=one.place,
                    action=one.verdict.action,
                    flagged_categories=list(one.verdict.flagged_categories),
                    scores=dict(one.verdict.scores),
                    review=one.review or None,
                    held=one.held,
                )
                for one in found.findings
            ],
        )
