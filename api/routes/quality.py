"""What the vectors of a collection are like."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import System, Who, scope_of
from api.security.needs import READ
from api.turns import one_at_a_time
from rag.settings import Name
from rag.vision.quality.types import LEAST, MOST_MAPPED, MOST_SAMPLED, SAMPLE, Options, Quality

router = APIRouter(tags=["collections"])


@router.get("/v1/collections/{name}/quality", operation_id="quality", dependencies=[READ])
def quality(
    name: Annotated[Name, Path()],
    olhar: System,
    who: Who,
    sample: Annotated[int, Query(ge=LEAST, le=MOST_SAMPLED, description="look at so many pictures")] = SAMPLE,
    mapped: Annotated[int, Query(ge=0, le=MOST_MAPPED, description="pictures on the map")] = 0,
    since: Annotated[
        int, Query(ge=0, description="newer ones were added after it, in Unix seconds; 0: the newest fifth")
    ] = 0,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Quality:
    """Measure a sample of the collection's pictures: spread, hubs, clusters, outliers, drift.

    It takes seconds, and one is measured at a time.
    """
    from rag.vision.quality.measuring import measure  # scikit-learn takes a second, which starting need not

    with one_at_a_time("measuring the quality of a collection"):
        scope, options = scope_of(olhar, who, name), Options(sample, mapped, since, seed)
        return measure(olhar.store, olhar.encoder, olhar.zero_shot, scope, options)
