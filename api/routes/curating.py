"""Which pictures stand for a collection, and what it has none of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from api.deps import System, Who, scope_of
from api.query_schemas import Body, Text
from api.security.needs import READ
from api.turns import one_at_a_time
from rag.settings import Name
from rag.vision.curation.coverage import coverage as measured
from rag.vision.curation.representatives import representatives as chosen
from rag.vision.curation.types import (
    MOST_LABELS,
    MOST_PICKED,
    MOST_SAMPLED,
    SAMPLE,
    Coverage,
    Representatives,
)

router = APIRouter(tags=["collections"])


class CoverageIn(Body):
    """Labels that a collection should have pictures of, and how many of each."""

    labels: list[Text] = Field(min_length=1, max_length=MOST_LABELS)
    least: int = Field(1, ge=1, le=MOST_SAMPLED)
    sample: int = Field(SAMPLE, ge=1, le=MOST_SAMPLED)
    seed: int = Field(0, ge=0, le=2**31)


@router.get("/v1/collections/{name}/representatives", operation_id="representatives", dependencies=[READ])
def representatives(
    name: Annotated[Name, Path()],
    olhar: System,
    who: Who,
    count: Annotated[int, Query(ge=1, le=MOST_PICKED)] = 20,
    sample: Annotated[int, Query(ge=1, le=MOST_SAMPLED, description="look at so many pictures")] = SAMPLE,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Representatives:
    """Pictures that stand for the others, the most telling first."""
    with one_at_a_time("choosing pictures"):
        return chosen(olhar.store, scope_of(olhar, who, name), count, limit=sample, seed=seed)


@router.post("/v1/collections/{name}/coverage", operation_id="coverage", dependencies=[READ])
def coverage(name: Annotated[Name, Path()], body: CoverageIn, olhar: System, who: Who) -> Coverage:
    """How many pictures show each label, by their tags and captions and by their looks; which are missing."""
    with one_at_a_time("looking for labels"):
        return measured(
            olhar.store,
            olhar.encoder,
            olhar.label_calibration,
            scope_of(olhar, who, name),
            body.labels,
            least=body.least,
            limit=body.sample,
            seed=body.seed,
        )
