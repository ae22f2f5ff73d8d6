"""How much there is to do: jobs, batches and files that have not come to their end."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from rag.records.database import Database
from rag.records.schema import batches, files, jobs


@dataclass(frozen=True, slots=True)
class Load:
    """Of all tenants: jobs not ended, files that wait, batches that wait and batches being worked on."""

    jobs: int = 0
    files_waiting: int = 0
    batches_queued: int = 0
    batches_running: int = 0


def load(database: Database) -> Load:
    """What there is to do now. Raises RecordsUnavailable."""
    running = select(func.count()).select_from(jobs).where(jobs.c.state == "running")
    waiting = select(func.count()).select_from(files).where(files.c.state == "waiting")
    by_state = select(batches.c.state, func.count().label("n")).group_by(batches.c.state)
    with database.reading() as connection:
        found = {row.state: row.n for row in connection.execute(by_state)}
        return Load(
            jobs=connection.execute(running).scalar_one(),
            files_waiting=connection.execute(waiting).scalar_one(),
            batches_queued=found.get("queued", 0),
            batches_running=found.get("running", 0),
        )
