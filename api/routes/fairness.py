"""How groups are served by a collection."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from api.deps import System, Who, scope_of
from api.query_schemas import Body, Text
from api.security.needs import READ
from api.turns import one_at_a_time
from ingest.fairness import kept
from rag.settings import Name
from rag.vision.fairness.auditing import audit
from rag.vision.fairness.history import Run
from rag.vision.fairness.types import (
    ATTRIBUTES,
    LEAST,
    MOST_GROUPS,
    MOST_SAMPLED,
    MOST_WORDS,
    SAMPLE,
    WORDS,
    Fairness,
    Options,
)

router = APIRouter(tags=["collections"])
Words = Annotated[list[Text], Field(max_length=MOST_WORDS)]


class FairnessIn(Body):
    """What is audited. Groups are those that the metadata or ``groups`` name; none are inferred."""

    by: Text = Field("", description="field of the items' metadata that says of which group they are")
    groups: dict[Text, Text] = Field(
        default_factory=dict,
        description="group by id or source of an item; counts first",
        max_length=MOST_SAMPLED,
    )
    words: Words = Field(list(WORDS), description="what is searched for", min_length=1)
    labels: Words = Field([], description="labels to be told apart; empty: the tags that the items have")
    attributes: dict[Text, Words] = Field(
        dict(ATTRIBUTES),
        description="two lists of words; `tag:x` is the pictures with the tag x",
        max_length=2,
    )
    targets: dict[Text, Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=dict,
        description="share of each group; empty: its share of the pictures",
        max_length=MOST_GROUPS,
    )
    k: int = Field(10, ge=1, le=100)
    sample: int = Field(SAMPLE, ge=2 * LEAST, le=MOST_SAMPLED)
    mitigated: bool = Field(False, description="also measure re-ranked and projected")
    seed: int = Field(0, ge=0, le=2**31)


@router.post("/v1/collections/{name}/fairness", operation_id="audit_fairness", dependencies=[READ])
def audit_fairness(name: Annotated[Name, Path()], body: FairnessIn, olhar: System, who: Who) -> Fairness:
    """Measure how groups are found and served. One audit runs at a time, for seconds; nothing is kept."""
    options = Options(**body.model_dump())
    with one_at_a_time("auditing a collection"):
        return audit(olhar.store, olhar.encoder, scope_of(olhar, who, name), options)


@router.get("/v1/collections/{name}/fairness", operation_id="fairness_history", dependencies=[READ])
def fairness_history(name: Annotated[Name, Path()], olhar: System, who: Who) -> list[Run]:
    """What the scheduled audits found, oldest first."""
    return kept(olhar, scope_of(olhar, who, name))
