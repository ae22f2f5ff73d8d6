"""Conversations that are kept, and what people think of answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from api.deps import Talks
from api.query_schemas import OR_NONE, THREAD_ID
from api.security.needs import ADMIN, AUDITED_READ, READ, WRITE
from api.thread_schemas import (
    ConversationOut,
    FeedbackIn,
    FeedbackOut,
    FeedbacksOut,
    ThreadIn,
    ThreadOut,
    ThreadsOut,
    TitleIn,
)

router = APIRouter(tags=["threads"])

Id = Annotated[str, Path(pattern=THREAD_ID)]
Page = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[str, Query(pattern=OR_NONE)]


@router.post("/v1/threads", operation_id="create_thread", status_code=201, dependencies=[WRITE])
def create(wanted: ThreadIn, talks: Talks) -> ThreadOut:
    """Begin a thread; name its id as `thread` in questions, which are then kept in it."""
    return talks.create(wanted.title, wanted.collection or "")


@router.get("/v1/threads", operation_id="threads", dependencies=[READ])
def threads(talks: Talks, limit: Page = 50, before: Before = "") -> ThreadsOut:
    """Threads, those used last first."""
    return talks.threads(limit=limit, before=before)


@router.get("/v1/threads/{thread_id}", operation_id="thread", dependencies=[READ])
def thread(thread_id: Id, talks: Talks) -> ConversationOut:
    """A thread with all that was said, as it is exported."""
    return talks.thread(thread_id)


@router.patch("/v1/threads/{thread_id}", operation_id="rename_thread", dependencies=[WRITE])
def rename(thread_id: Id, wanted: TitleIn, talks: Talks) -> ThreadOut:
    """Give a thread another title."""
    return talks.rename(thread_id, wanted.title)


@router.delete(
    "/v1/threads/{thread_id}",
    operation_id="delete_thread",
    status_code=204,
    dependencies=[WRITE],
    responses={204: {"description": "It is gone."}},
)
def delete(thread_id: Id, talks: Talks) -> Response:
    """Delete a thread and all that was said in it. Feedback on its answers stays."""
    talks.delete(thread_id)
    return Response(status_code=204)


@router.post("/v1/feedback", operation_id="give_feedback", status_code=201, dependencies=[AUDITED_READ])
def rate(given: FeedbackIn, talks: Talks) -> FeedbackOut:
    """Say what you think of an answer, by its id. The last rating of an answer counts."""
    return talks.rate(given.answer, given.rating, given.comment)


@router.get("/v1/feedback", operation_id="feedback", dependencies=[ADMIN])
def feedback(
    talks: Talks,
    limit: Page = 50,
    before: Before = "",
    rating: Annotated[Literal["up", "down"] | None, Query()] = None,
) -> FeedbacksOut:
    """Ratings with the question, the answer, the ids of its evidence and the model; newest first."""
    return talks.feedback(limit=limit, before=before, rating=rating)
