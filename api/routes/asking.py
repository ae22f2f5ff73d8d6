"""Searching and asking."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.deps import Searching, System, Talks
from api.query_schemas import AskIn, SearchIn
from api.routes.answering import whole
from api.routes.queries import AskedFor, SearchedFor, body
from api.schemas import AskOut, SearchOut
from api.security.needs import READ

router = APIRouter(tags=["asking"])


@router.post("/v1/search", operation_id="search", dependencies=[READ], openapi_extra=body(SearchIn))
def search(asked: SearchedFor, olhar: System, _: Searching) -> SearchOut:
    """Find items by a text, by pictures, by the like of others. JSON (pictures are data URIs) or a form."""
    return SearchOut.of(olhar.pipeline.search(asked))


@router.post("/v1/ask", operation_id="ask", dependencies=[READ], openapi_extra=body(AskIn))
async def ask(asked: AskedFor, request: Request, olhar: System, talks: Talks) -> AskOut:
    """Answer a question from a collection, with citations that were checked."""
    return AskOut.of(await whole(request, talks.kept(asked, olhar.pipeline.stream(asked))))
