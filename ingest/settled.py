"""What is told of batches and jobs: in the log with their ids, to whoever looks on without."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag.errors import OlharError
from rag.observing import tell
from rag.records.records import Records
from rag.records.types import Batch, Outcome

log: Final = logging.getLogger(__name__)
AGAIN: Final = "again"
"""Stands for a file that is tried once more and has no receipt yet."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many files have which receipt now: ``indexed``, ``duplicate`` … or will be tried ``again``."""

    counts: Mapping[str, int]


def tell_begun(batch: Batch) -> None:
    """A batch is taken up."""
    if log.isEnabledFor(logging.INFO):
        told = {
            "batch": batch.id,
            "job_id": _jobs(batch),
            "files": len(batch.files),
            "crashed": batch.crashed,
        }
        log.info("batch begun", extra={"told": told})


def tell_settled(records: Records, batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """A batch came to its end, and with it perhaps a job."""
    counts = Counter(outcome.status or AGAIN for outcome in outcomes)
    tell(Settled(counts))
    if log.isEnabledFor(logging.INFO):
        told = {"batch": batch.id, "job_id": _jobs(batch), **counts}
        log.info("batch ended", extra={"told": told})
        for job_id in sorted({file.job_id for file in batch.files}):
            _tell_job(records, batch.scope.tenant, job_id)


def _tell_job(records: Records, tenant: str, job_id: str) -> None:
    try:
        job = records.jobs.get(tenant, job_id)
    except OlharError:  # deleted meanwhile, or the database is away: the receipts are given all the same
        return
    if job.finished_at is not None:
        told = {"job_id": job.id, "state": job.state, "files": job.total, **job.counts}
        log.info("job ended", extra={"told": told})


def _jobs(batch: Batch) -> str:
    return ",".join(sorted({file.job_id for file in batch.files}))
