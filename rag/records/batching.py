"""Batches: which files go through the steps together, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from rag.records.database import Database
from rag.records.rows import FILE, to_file
from rag.records.schema import batches, files, jobs
from rag.records.settling import settle
from rag.records.types import Batch, Outcome
from rag.types import Scope

CANCELLED: Final = "cancelled before its turn came; retrying the job takes it up again"
CRASHES: Final = 3
"""So often may a batch be broken off before its files go on alone, and a file alone before it is given up."""
CRASHED: Final = (
    f"the process ended {CRASHES} times while this file alone was being worked on; "
    "look at the file, then retry the job with what is quarantined"
)


_OF_JOBS = files.join(jobs, files.c.job_id == jobs.c.id)
_WAITS = (files.c.state == "waiting") & (jobs.c.state == "running")
_ALONE = files.c.suspect | (files.c.attempts > 0)
"""A batch of its own: one that was there when a process died, or that is tried again."""


class Batching:
    """Batches of all jobs: made of files that wait, taken to their end, or given back."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def form(self, size: int, most_bytes: int) -> int | None:
        """Make the next batch of files that are due and return its id; None if there are none.

        It has up to ``size`` files, and up to ``most_bytes`` bytes if it has more than one file.

        All its files are for one collection; they may come from several jobs. The file that waits at the
        lowest place of its job comes first, so that a small job does not wait for the end of a large one.
        A suspect file is a batch of its own, as is one that is tried again.
        """
        with self._database.exclusive("batching"), self._database.writing() as connection:
            due = self._due()
            wanted = select(
                files.c.id,
                files.c.suspect,
                files.c.source,
                files.c.size,
                _ALONE.label("alone"),
                jobs.c.tenant,
                jobs.c.collection,
                jobs.c.all_captions,
            )
            wanted = wanted.select_from(_OF_JOBS).order_by(files.c.place, files.c.id)
            first = connection.execute(wanted.where(due).limit(1)).one_or_none()
            if first is None:
                return None
            chosen = [first.id]
            if not first.alone:
                same = (
                    (jobs.c.tenant == first.tenant)
                    & (jobs.c.collection == first.collection)
                    & (jobs.c.all_captions == first.all_captions)
                )
                found = connection.execute(wanted.where(due & same & ~_ALONE).limit(size)).all()
                # A file may wait in two jobs: the second time it is compared with what the first time left.
                mates = list({row.source: row for row in reversed(found)}.values())[::-1]
                sizes = accumulate(row.size for row in mates)
                fitting = [row.id for row, sum_ in zip(mates, sizes, strict=True) if sum_ <= most_bytes]
                chosen = fitting or chosen
            made = insert(batches).values(
                tenant=first.tenant,
                collection=first.collection,
                all_captions=first.all_captions,
                state="queued",
                suspect=first.suspect,
                crashes=0,
            )
            batch_id: int = connection.execute(made.returning(batches.c.id)).scalar_one()
            put = (
                update(files).where(files.c.id == bindparam("key")).values(state="batched", batch_id=batch_id)
            )
            connection.execute(put, [{"key": file_id} for file_id in chosen])
            return batch_id

    def fills(self, size: int, most_bytes: int) -> bool:
        """Whether waiting would make no better batch: what is due fills one, or goes by itself."""
        with self._database.reading() as connection:
            sums = (func.count(), func.coalesce(func.sum(files.c.size), 0), func.count().filter(_ALONE))
            found = connection.execute(select(*sums).select_from(_OF_JOBS).where(self._due()))
            count, bytes_, alone = found.one()
        return bool(alone or count >= size or bytes_ >= most_bytes)

    def _due(self) -> ColumnElement[bool]:
        return _WAITS & (files.c.due_at <= self._clock())

    def due_in(self) -> float | None:
        """Seconds until a file that waits is due, 0 if one is; None when none waits."""
        with self._database.reading() as connection:
            first = connection.execute(select(func.min(files.c.due_at)).select_from(_OF_JOBS).where(_WAITS))
            due: float | None = first.scalar_one()
        return None if due is None else max(0.0, due - self._clock())

    def unfinished(self) -> dict[int, str]:
        """The state, ``queued`` or ``running``, of each batch that has not ended."""
        with self._database.reading() as connection:
            found = connection.execute(select(batches.c.id, batches.c.state).order_by(batches.c.id))
            return {row.id: row.state for row in found}

    def begin(self, batch_id: int) -> Batch | None:
        """Take up a batch. None when it has ended, or was split since it broke off too often.

        One that was begun before and not ended is counted as a crash.
        """
        with self._database.writing() as connection:
            asked = select(batches).where(batches.c.id == batch_id).with_for_update()
            row = connection.execute(asked).mappings().one_or_none()
            if row is None:
                return None
            crashes = row["crashes"] + (row["state"] == "running")
            mine = files.c.batch_id == batch_id
            if row["suspect"] and crashes > row["crashes"]:
                connection.execute(update(files).where(mine).values(crashes=files.c.crashes + 1))
            if crashes >= CRASHES:
                self._break_up(connection, batch_id, alone=row["suspect"])
                return None
            connection.execute(
                update(batches).where(batches.c.id == batch_id).values(state="running", crashes=crashes)
            )
            found = connection.execute(select(*FILE).where(mine).order_by(files.c.id)).all()
            now = self._clock()
            begun = jobs.c.id.in_({file.job_id for file in found}) & jobs.c.started_at.is_(None)
            connection.execute(update(jobs).where(begun).values(started_at=now))
            return Batch(
                id=batch_id,
                scope=Scope(row["tenant"], row["collection"]),
                all_captions=row["all_captions"],
                suspect=row["suspect"],
                crashed=crashes,
                files=tuple(to_file(file) for file in found),
            )

    def release(self, batch_id: int) -> None:
        """A batch that is left in good order: beginning it again is no sign of a crash."""
        with self._database.writing() as connection:
            connection.execute(update(batches).where(batches.c.id == batch_id).values(state="queued"))

    def is_suspect(self, batch_id: int) -> bool:
        """Whether nothing may run beside it."""
        with self._database.reading() as connection:
            asked = select(batches.c.suspect).where(batches.c.id == batch_id)
            return bool(connection.execute(asked).scalar_one_or_none())

    def note(self, values: Mapping[int, Mapping[str, Any]]) -> None:
        """Write columns of files, by file id: ``sha256`` once known, ``plan`` before it is carried out."""
        with self._database.writing() as connection:
            for columns in {tuple(sorted(given)) for given in values.values()}:
                rows = [{"key": i, **g} for i, g in values.items() if tuple(sorted(g)) == columns]
                connection.execute(update(files).where(files.c.id == bindparam("key")), rows)

    def cancelled(self, batch_id: int) -> set[int]:
        """The ids of the batch's files whose job has been cancelled since."""
        return self._of(batch_id, jobs.c.state == "cancelled")

    def wanted(self, batch_id: int) -> set[int]:
        """The ids of the batch's files whose job is there and was not cancelled."""
        return self._of(batch_id, jobs.c.state != "cancelled")

    def abandon(self, batch_id: int, reason: str) -> None:
        """End a batch of which nobody knows what became: that counts as a try of each of its files."""
        with self._database.writing() as connection:
            mine = (files.c.batch_id == batch_id) & (files.c.state == "batched")
            tried = {"state": "waiting", "batch_id": None, "attempts": files.c.attempts + 1, "reason": reason}
            job_ids = {row.job_id for row in connection.execute(select(files.c.job_id).where(mine))}
            connection.execute(update(files).where(mine).values(**tried))
            self._close(connection, batch_id, job_ids)

    def _of(self, batch_id: int, condition: ColumnElement[bool]) -> set[int]:
        joined = files.join(jobs, files.c.job_id == jobs.c.id)
        asked = select(files.c.id).select_from(joined).where((files.c.batch_id == batch_id) & condition)
        with self._database.reading() as connection:
            return {row.id for row in connection.execute(asked)}

    def finish(self, batch_id: int, outcomes: Sequence[Outcome]) -> None:
        """End a batch: receipts for its files, or for those with an empty status another try later, alone.

        A file without an outcome waits again as it did before. A file whose job was cancelled waits no more.
        """
        with self._database.writing() as connection:
            mine = select(files.c.id, files.c.job_id, jobs.c.state).where(files.c.batch_id == batch_id)
            mine = mine.select_from(files.join(jobs, files.c.job_id == jobs.c.id))
            rows = {row.id: row for row in connection.execute(mine)}
            now = self._clock()
            known = [outcome for outcome in outcomes if outcome.file_id in rows]
            ended = [o for o in known if o.status or rows[o.file_id].state == "cancelled"]
            settle(connection, [(rows[o.file_id].job_id, _closed(o)) for o in ended], now)
            again = [o for o in known if not o.status and rows[o.file_id].state != "cancelled"]
            if again:
                later = update(files).where(files.c.id == bindparam("key"))
                later = later.values(
                    state="waiting",
                    batch_id=None,
                    attempts=files.c.attempts + 1,
                    due_at=bindparam("due"),
                    reason=bindparam("why"),
                )
                connection.execute(
                    later, [{"key": o.file_id, "due": now + o.after, "why": o.reason} for o in again]
                )
            connection.execute(_waiting_again(batch_id))
            self._close(connection, batch_id, {row.job_id for row in rows.values()})

    def _break_up(self, connection: Connection, batch_id: int, *, alone: bool) -> None:
        """Files that may have brought down the process go on alone; one that was alone is given up."""
        job_ids: set[str] = set()
        if alone:
            asked = select(files.c.id, files.c.job_id).where(files.c.batch_id == batch_id)
            outcomes = [
                (row.job_id, Outcome(row.id, "quarantined", reason=CRASHED))
                for row in connection.execute(asked)
            ]
            settle(connection, outcomes, self._clock())
        else:
            mine = select(files.c.job_id).where(files.c.batch_id == batch_id)
            job_ids = {row.job_id for row in connection.execute(mine)}
            connection.execute(_waiting_again(batch_id).values(suspect=True))
        self._close(connection, batch_id, job_ids)

    def _close(self, connection: Connection, batch_id: int, job_ids: set[str]) -> None:
        """The batch is no more; what waits again in a job that was cancelled meanwhile waits for nothing."""
        connection.execute(delete(batches).where(batches.c.id == batch_id))
        gone = jobs.c.id.in_(sorted(job_ids)) & (jobs.c.state == "cancelled") & (files.c.state == "waiting")
        asked = select(files.c.id, files.c.job_id).select_from(files.join(jobs, files.c.job_id == jobs.c.id))
        left = [
            (row.job_id, Outcome(row.id, "failed", reason=CANCELLED, retryable=True))
            for row in connection.execute(asked.where(gone))
        ]
        settle(connection, left, self._clock())


def _closed(outcome: Outcome) -> Outcome:
    """A receipt, also where another try was meant and its job is cancelled."""
    if outcome.status:
        return outcome
    return Outcome(outcome.file_id, "failed", outcome.item_id, outcome.reason, True, 0.0, outcome.steps_ms)


def _waiting_again(batch_id: int) -> Any:
    return (
        update(files)
        .where((files.c.batch_id == batch_id) & (files.c.state == "batched"))
        .values(state="waiting", batch_id=None)
    )
