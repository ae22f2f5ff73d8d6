"""Searching and asking."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import System
from api.routes.queries import BODY, AskedFor
from api.schemas import AskOut, SearchOut

router = APIRouter(tags=["asking"])


@router.post("/v1/search", operation_id="search", openapi_extra=BODY)
def search(asked: AskedFor, olhar: System) -> SearchOut:
    """Find items by a text, a picture, or both. As JSON (a picture is a data URI) or as a form."""
    found = olhar.pipeline.search(
        asked.scope, asked.query, limit=asked.limit, where=asked.where, rerank=bool(asked.rerank)
    )
    return SearchOut.of(found)


@router.post("/v1/ask", operation_id="ask", openapi_extra=BODY)
def ask(asked: AskedFor, olhar: System) -> AskOut:
    """Answer a question from a collection, with citations that were checked."""
    answer = olhar.pipeline.ask(
        asked.scope, asked.query, limit=asked.limit, where=asked.where, rerank=asked.rerank is not False
    )
    return AskOut.of(answer)
