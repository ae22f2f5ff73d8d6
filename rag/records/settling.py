"""Giving files their receipts, within a transaction that is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, update

from rag.records.schema import files, jobs
from rag.records.types import Outcome


def settle(connection: Connection, outcomes: Sequence[tuple[str, Outcome]], now: float) -> None:
    """Write the receipts of (job, outcome), number them, and end the jobs that have no file left."""
    if not outcomes:
        return
    last: dict[str, int] = {}
    for job_id, count in sorted(Counter(job_id for job_id, _ in outcomes).items()):
        more = {"done": jobs.c.done + count, "numbered": jobs.c.numbered + count}
        counted = update(jobs).where(jobs.c.id == job_id).values(**more).returning(jobs.c.numbered)
        last[job_id] = connection.execute(counted).scalar_one() - count
    rows: list[dict[str, Any]] = []
    for job_id, outcome in outcomes:
        last[job_id] += 1
        rows.append(
            {
                "key": outcome.file_id,
                "number": last[job_id],
                "status": outcome.status,
                "item_id": outcome.item_id,
                "reason": outcome.reason.replace("\0", " "),  # which Postgres cannot hold
                "retryable": outcome.retryable,
                "steps_ms": dict(outcome.steps_ms),
                "finished_at": now,
                "state": "done",
                "batch_id": None,
            }
        )
    connection.execute(update(files).where(files.c.id == bindparam("key")), rows)
    end(connection, list(last), now)


def end(connection: Connection, job_ids: Sequence[str], now: float) -> None:
    """End those jobs whose files all have a receipt."""
    whole = jobs.c.id.in_(job_ids) & (jobs.c.done >= jobs.c.total)
    connection.execute(
        update(jobs).where(whole & (jobs.c.state == "running")).values(state="done", finished_at=now)
    )
    connection.execute(update(jobs).where(whole & (jobs.c.state == "cancelled")).values(finished_at=now))
