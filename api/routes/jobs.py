"""Jobs: how far they are, their receipts, cancelling and repeating them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.administration import Administration
from api.deps import Admin
from api.query_schemas import OR_NONE
from api.record_schemas import JobFilesOut, JobOut, JobsOut
from api.security.needs import READ, WRITE

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Page = Annotated[int, Query(ge=1, le=1000)]
MOST: Final = 2**31 - 1
"""The records count no further."""
POLL_S: Final = 0.25
QUIET_S: Final = 15.0
"""After so long without news a comment is sent, so that nobody in between takes the stream for dead."""


@router.get("/v1/jobs", operation_id="jobs", dependencies=[READ])
def jobs(admin: Admin, limit: Page = 50, before: Annotated[str, Query(pattern=OR_NONE)] = "") -> JobsOut:
    """Jobs, newest first."""
    return admin.jobs(limit=limit, before=before)


@router.get("/v1/parked", operation_id="parked", dependencies=[READ])
def parked(admin: Admin, limit: Page = 1000, after: Annotated[int, Query(ge=0, le=MOST)] = 0) -> JobFilesOut:
    """Files of all jobs that failed or were quarantined, with the reason."""
    return admin.parked(after=after, limit=limit)


@router.get("/v1/jobs/{job_id}", operation_id="job", dependencies=[READ])
def job(job_id: JobId, admin: Admin) -> JobOut:
    """A job, how far it is and how long it will take."""
    return admin.job(job_id)


@router.get("/v1/jobs/{job_id}/files", operation_id="job_files", dependencies=[READ])
def job_files(
    job_id: JobId,
    admin: Admin,
    status: Annotated[
        Literal["", "indexed", "duplicate", "unchanged", "quarantined", "failed"], Query()
    ] = "",
    after: Annotated[int, Query(ge=-1, le=MOST)] = -1,
    limit: Page = 1000,
) -> JobFilesOut:
    """Files of a job in their order, with their receipts as far as they have one."""
    return admin.files(job_id, status=status, after=after, limit=limit)


@router.post("/v1/jobs/{job_id}/cancel", operation_id="cancel_job", dependencies=[WRITE])
def cancel(job_id: JobId, admin: Admin) -> JobOut:
    """End a job: files that wait have failed, those in flight come to their end."""
    return admin.cancel(job_id)


@router.post("/v1/jobs/{job_id}/retry", operation_id="retry_job", dependencies=[WRITE])
def retry(job_id: JobId, admin: Admin, quarantined: Annotated[bool, Query()] = False) -> JobOut:
    """Take up again the files that failed; with `quarantined` those too."""
    return admin.retry(job_id, quarantined=quarantined)


@router.get(
    "/v1/jobs/{job_id}/events",
    operation_id="job_events",
    dependencies=[READ],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Receipts as they come."}},
)
async def events(
    job_id: JobId,
    request: Request,
    admin: Admin,
    last_event_id: Annotated[int, Header(ge=0, le=MOST)] = 0,
) -> StreamingResponse:
    """Server-sent events: `receipt` for each file (the id is its number), `progress`, and `end`.

    A client that was cut off, for instance since the server ended, says the last id it saw (`Last-Event-ID`)
    and misses nothing.
    """
    await run_in_threadpool(admin.job, job_id)
    stream = _events(request, admin, job_id, last_event_id)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _events(request: Request, admin: Administration, job_id: str, after: int) -> AsyncIterator[str]:
    quiet, told = 0.0, ""
    while not (request.app.state.ending or await request.is_disconnected()):
        now = await run_in_threadpool(admin.job, job_id)
        receipts = (await run_in_threadpool(admin.settled, job_id, after=after)).files
        for receipt in receipts:
            after = receipt.number or after
            yield _event("receipt", receipt.model_dump_json(), after)
        progress = now.model_dump_json()
        if now.finished_at is not None and not receipts:
            yield _event("end", progress)
            return
        if receipts or not told:
            yield _event("progress", progress)
            quiet, told = 0.0, progress
        elif (quiet := quiet + POLL_S) >= QUIET_S:
            yield ": still here\n\n"
            quiet = 0.0
        await asyncio.sleep(POLL_S)


def _event(kind: str, data: str, number: int | None = None) -> str:
    lines = [f"id: {number}"] if number is not None else []
    return "\n".join([*lines, f"event: {kind}", f"data: {data}", "", ""])
