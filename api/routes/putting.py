"""Jobs that requests put down, and whoever waits for their receipts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request, Response

from api.deps import Admin, Jobs
from api.record_schemas import JobOut
from api.routes.answering import while_there
from api.schemas import IngestOut
from ingest.queue import Pace
from ingest.sources import SourceFile
from rag.errors import Unavailable
from rag.types import Scope


class _Putting:
    """Puts down jobs for requests, each in a thread that searches do not wait for."""

    def __init__(self, request: Request, queue: Jobs, admin: Admin) -> None:
        self._request = request
        self._putting: CapacityLimiter = request.app.state.waiting
        self._looking: CapacityLimiter = request.app.state.looking
        self._queue = queue
        self._admin = admin

    async def put(self, scope: Scope, files: Iterable[SourceFile], *, all_captions: bool) -> str:
        """The id of the job. Raises as ``Queue.submit``."""
        work = partial(self._queue.submit, scope, files, all_captions=all_captions)
        return await to_thread.run_sync(work, limiter=self._putting)

    async def told(self, scope: Scope, job_id: str, response: Response, *, wait: bool) -> JobOut | IngestOut:
        """The job (202), or with ``wait`` its receipts (200).

        Raises ClientDisconnect when the client hangs up, and Unavailable when the server ends; the job goes
        on.
        """
        response.status_code = 200 if wait else 202
        if not wait:
            return await to_thread.run_sync(self._admin.job, job_id, limiter=self._looking)
        await while_there(self._request, partial(self._ended, scope, job_id))
        return await to_thread.run_sync(self._receipts, scope, job_id, limiter=self._looking)

    async def _ended(self, scope: Scope, job_id: str) -> None:
        # Between two looks it costs no thread: many may wait, for hours, and hold up no upload.
        pace = Pace()
        look = partial(self._queue.look, scope.tenant, job_id)
        while (job := await to_thread.run_sync(look, limiter=self._looking)).finished_at is None:
            if self._request.app.state.ending:
                raise Unavailable(
                    f"the server ends; the job {job_id} goes on at its next start (GET /v1/jobs/{job_id})"
                )
            await anyio.sleep(pace.after(job))

    def _receipts(self, scope: Scope, job_id: str) -> IngestOut:
        return IngestOut.of(self._queue.report(scope, job_id))


Putting = Annotated[_Putting, Depends(_Putting)]
