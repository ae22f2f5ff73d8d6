"""What others see of the jobs: putting one down, and waiting for its receipts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ingest.locating import put_down
from ingest.receipts import FileReceipt, IngestReport, receipt_of
from ingest.removal import finish_removals
from ingest.sources import SourceFile
from ingest.system import Parts
from rag.errors import InvalidInput, Unavailable
from rag.records.types import FileRow, Job
from rag.types import Scope

log: Final = logging.getLogger(__name__)
PAGE: Final = 1000
POLL_S: Final = 0.05
LONGEST_POLL_S: Final = 0.5
LOST_S: Final = 30.0
"""A worker of which nothing was heard for so long is taken for dead, and its batches go to others."""


class Pace:
    """How long to wait until a job is looked at again: looking takes its time of the work."""

    def __init__(self) -> None:
        self._seen = -1
        self._pause = POLL_S

    def after(self, job: Job) -> float:
        """Seconds after this look; more of them while nothing comes."""
        self._pause = POLL_S if job.done != self._seen else min(1.5 * self._pause, LONGEST_POLL_S)
        self._seen = job.done
        return self._pause


class Queue:
    """Jobs of a system. ``wake`` tells a worker in this process that there is something to do; with
    ``others_work`` there is none here, and workers of their own do the jobs."""

    def __init__(
        self, parts: Parts, wake: Callable[[], None] = lambda: None, *, others_work: bool = False
    ) -> None:
        self._parts = parts
        self._wake = wake
        self._others_work = others_work

    def submit(self, scope: Scope, files: Iterable[SourceFile], *, all_captions: bool = False) -> str:
        """Put down a job and return its id; a worker does the rest.

        With ``all_captions`` every caption of a picture is indexed, not the first only. Raises InvalidInput
        when ``scope`` names no collection.
        """
        if scope.collection is None:
            raise InvalidInput("files are put into a collection: name one")
        parts = self._parts
        finish_removals(parts, scope)  # what is deleted is not what comes now
        known = (put_down(file, parts.staged, parts.settings.max_bytes) for file in files)
        job_id = parts.records.jobs.submit(scope, known, all_captions=all_captions)
        log.info("job put down", extra={"told": {"job_id": job_id}})
        self._wake()
        return job_id

    def settled(self, tenant: str, job_id: str, after: int = 0) -> Iterator[FileRow]:
        """The receipts that there are by now, in the order in which they came, after the number ``after``."""
        jobs = self._parts.records.jobs
        while rows := jobs.settled(tenant, job_id, after=after, limit=PAGE):
            yield from rows
            after = rows[-1].number or after

    def look(self, tenant: str, job_id: str) -> Job:
        """The job as it is now.

        Raises NotFound, and Unavailable when workers should do it and none is there; the job stays put down.
        """
        if self._others_work and not self._parts.records.workers.alive(LOST_S):
            raise Unavailable(f"the job {job_id} waits: no worker is running (`olhar worker`)")
        return self._parts.records.jobs.get(tenant, job_id)

    def follow(
        self, tenant: str, job_id: str, on_file: Callable[[FileReceipt], None] = lambda _: None
    ) -> None:
        """Wait for the end of a job; ``on_file`` gets each receipt as it comes. Raises as ``look``."""
        after, seen, pace = 0, -1, Pace()
        while True:
            job = self.look(tenant, job_id)
            if job.done != seen or job.finished_at is not None:
                for row in self.settled(tenant, job_id, after):
                    on_file(receipt_of(row))
                    after = row.number or after
            if job.finished_at is not None:
                return
            seen = job.done
            time.sleep(pace.after(job))

    def report(self, scope: Scope, job_id: str) -> IngestReport:
        """The receipts of a job, in the order of its files; files that still wait are not among them."""
        receipts: list[FileReceipt] = []
        after = -1
        while rows := self._parts.records.jobs.files(scope.tenant, job_id, after=after, limit=PAGE):
            receipts += [receipt_of(row) for row in rows if row.status]
            after = rows[-1].place
        return IngestReport(scope.collection or "", tuple(receipts))

    def ingest(
        self,
        scope: Scope,
        files: Iterable[SourceFile],
        *,
        all_captions: bool = False,
        on_file: Callable[[FileReceipt], None] = lambda _: None,
    ) -> IngestReport:
        """Put down a job, wait for its end, and give its receipts."""
        job_id = self.submit(scope, files, all_captions=all_captions)
        self.follow(scope.tenant, job_id, on_file)
        return self.report(scope, job_id)
