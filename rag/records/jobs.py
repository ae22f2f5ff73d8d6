"""Jobs: putting them down, looking at them, cancelling and repeating them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select, update

from rag.errors import Conflict, NotFound
from rag.records.batching import CANCELLED
from rag.records.database import Database
from rag.records.rows import FILE, to_file, to_job
from rag.records.schema import files, jobs
from rag.records.settling import end, settle
from rag.records.types import FileRow, Job, NewFile, Outcome
from rag.types import Scope

CHUNK: Final = 500
TRIED: Final = "tried:"
"""Begins the plan of a file that failed and is taken up again."""
UNSETTLED: Final = {
    "status": "",
    "item_id": "",
    "reason": "",
    "retryable": False,
    "steps_ms": {},
    "number": None,
    "finished_at": None,
    "batch_id": None,
    "plan": "",
}


class Jobs:
    """The jobs of all tenants. Whoever asks for one names the tenant."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def submit(self, scope: Scope, given: Iterable[NewFile], *, all_captions: bool = False) -> str:
        """Put down a job and return its id. Nothing of it runs before all its files are named.

        ``given`` is read as it is written down; what it raises cancels the job.
        """
        job_id = secrets.token_hex(16)
        with self._database.writing() as connection:
            connection.execute(
                insert(jobs).values(
                    id=job_id,
                    tenant=scope.tenant,
                    collection=scope.collection,
                    state="listing",
                    all_captions=all_captions,
                    total=0,
                    done=0,
                    numbered=0,
                    created_at=self._clock(),
                    touched_at=self._clock(),
                )
            )
        try:
            total = sum(self._add(job_id, start, some) for start, some in _chunks(given))
        except BaseException:
            self._forget([job_id])
            raise
        self._release(job_id, total)
        return job_id

    def get(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound."""
        found = self._read(jobs.c.tenant == tenant, jobs.c.id == job_id)
        if not found:
            raise NotFound(f"there is no job {job_id!r}")
        return found[0]

    def latest(self, tenant: str, *, limit: int = 50, before: str = "") -> list[Job]:
        """The tenant's jobs, newest first; those put down before the job ``before``."""
        conditions: list[ColumnElement[bool]] = [jobs.c.tenant == tenant, jobs.c.state != "listing"]
        if before:
            conditions.append(jobs.c.created_at < self.get(tenant, before).created_at)
        return self._read(*conditions, limit=limit)

    def files(
        self,
        tenant: str,
        job_id: str,
        *,
        statuses: Sequence[str] = (),
        after: int = -1,
        limit: int = 1000,
    ) -> list[FileRow]:
        """Files of a job in their order, those after the place ``after``; of some statuses, or all."""
        self._require(tenant, job_id)
        conditions = [files.c.job_id == job_id, files.c.place > after]
        if statuses:
            conditions.append(files.c.status.in_(statuses))
        return self._files(*conditions, order=files.c.place, limit=limit)

    def settled(self, tenant: str, job_id: str, *, after: int = 0, limit: int = 1000) -> list[FileRow]:
        """The receipts of a job in the order in which they came, those after the number ``after``."""
        self._require(tenant, job_id)
        return self._files(
            files.c.job_id == job_id, files.c.number > after, order=files.c.number, limit=limit
        )

    def parked(self, tenant: str, *, limit: int = 1000, after: int = 0) -> list[FileRow]:
        """Files of all jobs that ended as ``failed`` or ``quarantined``, after the file id ``after``."""
        return self._files(
            files.c.job_id.in_(select(jobs.c.id).where(jobs.c.tenant == tenant)),
            files.c.status.in_(("failed", "quarantined")),
            files.c.id > after,
            order=files.c.id,
            limit=limit,
        )

    def cancel(self, tenant: str, job_id: str) -> Job:
        """Give the files that wait the receipt ``failed``; those in flight come to their end.

        Raises NotFound, and Conflict when the job has ended.
        """
        with self._database.writing() as connection:
            job = self._locked(connection, tenant, job_id)
            if job.state != "running":
                raise Conflict(f"the job {job_id} is {job.state}: there is nothing to cancel")
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(state="cancelled"))
            waiting = select(files.c.id).where((files.c.job_id == job_id) & (files.c.state == "waiting"))
            rest = [Outcome(row.id, "failed", reason=CANCELLED, retryable=True)
                    for row in connection.execute(waiting)]  # fmt: skip
            settle(connection, [(job_id, outcome) for outcome in rest], self._clock())
            end(connection, [job_id], self._clock())
        return self.get(tenant, job_id)

    def retry(self, tenant: str, job_id: str, *, quarantined: bool = False) -> Job:
        """Take up again the files that failed, with ``quarantined`` those too. Raises NotFound.

        Raises Conflict when there is none.
        """
        statuses = ("failed", "quarantined") if quarantined else ("failed",)
        with self._database.writing() as connection:
            self._locked(connection, tenant, job_id)
            again = (files.c.job_id == job_id) & files.c.status.in_(statuses) & (files.c.state == "done")
            fresh: dict[str, Any] = {"state": "waiting", "attempts": 0, "crashes": 0, "due_at": 0.0}
            # What it was about to do when it failed may have been done all the same.
            planned = (files.c.plan != "") & ~files.c.plan.startswith(TRIED)
            fresh |= {"suspect": False, "plan": case((planned, TRIED + files.c.plan), else_=files.c.plan)}
            count = connection.execute(update(files).where(again).values(**{**UNSETTLED, **fresh})).rowcount
            if not count:
                raise Conflict(f"no file of the job {job_id} is {' or '.join(statuses)}")
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id)
                .values(state="running", finished_at=None, started_at=None, done=jobs.c.done - count)
            )
        return self.get(tenant, job_id)

    def forget_collection(self, scope: Scope) -> int:
        """Forget the ended jobs of a collection; how many there were."""
        mine = (jobs.c.tenant == scope.tenant) & (jobs.c.collection == scope.collection)
        with self._database.writing() as connection:
            return connection.execute(delete(jobs).where(mine & jobs.c.finished_at.is_not(None))).rowcount

    def forget_unlisted(self, older_than: float) -> int:
        """Forget jobs whose submission was broken off, so many seconds ago; how many there were."""
        with self._database.reading() as connection:
            broken = (jobs.c.state == "listing") & (jobs.c.touched_at < self._clock() - older_than)
            found = [row.id for row in connection.execute(select(jobs.c.id).where(broken))]
        self._forget(found)
        return len(found)

    def uses(self, sha256s: Sequence[str]) -> set[str]:
        """Those of the contents that a file without a receipt is made of."""
        undone = files.c.state != "done"
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in _slices(sha256s):
                asked = select(files.c.sha256).distinct().where(files.c.sha256.in_(some) & undone)
                found.update(row.sha256 for row in connection.execute(asked))
        return found

    def needs(self, staged: Sequence[str]) -> set[str]:
        """Those of the staged bytes that a file is made of which has no receipt, or may be tried again."""
        undone = (files.c.state != "done") | files.c.status.in_(("failed", "quarantined"))
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in _slices(staged):
                asked = select(files.c.staged).distinct().where(files.c.staged.in_(some) & undone)
                found.update(row.staged for row in connection.execute(asked))
        return found

    def _add(self, job_id: str, start: int, some: Sequence[NewFile]) -> int:
        now = self._clock()
        rows = [
            {
                "job_id": job_id,
                "place": start + n,
                "source": file.source,
                "locator": dict(file.locator),
                "description": dict(file.description),
                "replaces": file.replaces,
                "size": file.size,
                "state": "waiting",
                "suspect": False,
                "attempts": 0,
                "crashes": 0,
                "due_at": 0.0,
                "staged": file.staged,
                "sha256": "",
                "plan": "",
                "status": "",
                "item_id": "",
                "reason": "",
                "retryable": False,
                "steps_ms": {},
            }
            for n, file in enumerate(some)
        ]
        known = {start + n: file for n, file in enumerate(some) if file.status}
        with self._database.writing() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(touched_at=now))
            connection.execute(insert(files), rows)
            if known:
                asked = select(files.c.id, files.c.place).where(
                    (files.c.job_id == job_id)
                    & (files.c.place >= start)
                    & (files.c.place < start + len(some))
                )
                outcomes = [
                    Outcome(row.id, known[row.place].status, reason=known[row.place].reason)
                    for row in connection.execute(asked)
                    if row.place in known
                ]
                settle(connection, [(job_id, outcome) for outcome in outcomes], now)
        return len(some)

    def _release(self, job_id: str, total: int) -> None:
        with self._database.writing() as connection:
            now = self._clock()
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(state="running", total=total))
            end(connection, [job_id], now)

    def _forget(self, job_ids: Sequence[str]) -> None:
        if job_ids:
            with self._database.writing() as connection:
                connection.execute(delete(jobs).where(jobs.c.id.in_(job_ids)))

    def _locked(self, connection: Connection, tenant: str, job_id: str) -> Job:
        asked = select(jobs).where((jobs.c.tenant == tenant) & (jobs.c.id == job_id)).with_for_update()
        row = connection.execute(asked).mappings().one_or_none()
        if row is None:
            raise NotFound(f"there is no job {job_id!r}")
        return to_job(row, {})

    def _read(self, *conditions: ColumnElement[bool], limit: int = 1) -> list[Job]:
        with self._database.reading() as connection:
            asked = select(jobs).where(*conditions).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
            rows = connection.execute(asked).mappings().all()
            counted = (
                select(files.c.job_id, files.c.status, func.count().label("n"))
                .where(files.c.job_id.in_([row["id"] for row in rows]) & (files.c.state == "done"))
                .group_by(files.c.job_id, files.c.status)
            )
            counts: dict[str, dict[str, int]] = {row["id"]: {} for row in rows}
            for row in connection.execute(counted):
                counts[row.job_id][row.status] = row.n
        return [to_job(row, counts[row["id"]]) for row in rows]

    def _require(self, tenant: str, job_id: str) -> None:
        """As ``get``, without counting its files: many pages are read of a job."""
        with self._database.reading() as connection:
            asked = select(jobs.c.id).where(jobs.c.tenant == tenant, jobs.c.id == job_id)
            if connection.execute(asked).first() is None:
                raise NotFound(f"there is no job {job_id!r}")

    def _files(
        self, *conditions: ColumnElement[bool], order: ColumnElement[Any], limit: int
    ) -> list[FileRow]:
        with self._database.reading() as connection:
            found = connection.execute(select(*FILE).where(*conditions).order_by(order).limit(limit))
            return [to_file(row) for row in found]


def _chunks(given: Iterable[NewFile]) -> Iterator[tuple[int, list[NewFile]]]:
    rest, start = iter(given), 0
    while some := list(islice(rest, CHUNK)):
        yield start, some
        start += len(some)


def _slices(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
