"""Pictures of a collection that look alike."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import System, Who, scope_of
from api.schemas import DuplicatesOut
from api.security.needs import READ
from rag.duplicates import DISTANCE, duplicates
from rag.settings import Name

router = APIRouter(tags=["collections"])


@router.get("/v1/collections/{name}/duplicates", operation_id="duplicates", dependencies=[READ])
def near_duplicates(
    name: Annotated[Name, Path()],
    olhar: System,
    who: Who,
    distance: Annotated[int, Query(ge=0, le=16)] = DISTANCE,
) -> DuplicatesOut:
    """Groups of pictures that look alike. Nothing is removed."""
    return DuplicatesOut.of(duplicates(olhar.store, scope_of(olhar, who, name), distance=distance))
