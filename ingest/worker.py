"""A worker: makes batches of what waits, and has DBOS take them to their end."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from typing import Final

from dbos import DBOS, DBOSClient, DBOSConfig

from ingest.adopting import adopt
from ingest.desk import Desk
from ingest.later import LaterPass
from ingest.passes import open_passes
from ingest.queue import LOST_S
from ingest.removal import finish_removals
from ingest.retrying import Patience
from ingest.system import BATCH_BYTES, Parts
from ingest.upkeep import Upkeep
from ingest.workflows import PREFIX, QUEUE, enqueue, work_at
from rag.courtesy import SEARCHES
from rag.errors import OlharError

APPLICATION: Final = "olhar"
VERSION: Final = "1"
"""Of the workflows' form. While it stays the same, a later Olhar goes on with what an earlier one began."""
POLL_S: Final = 0.25
QUEUE_POLL_S: Final = 0.1
COURTESY_S: Final = 5.0
"""While searches are under way, files wait so long for others: a batch slows down those beside it."""
BEAT_S: Final = 5.0
ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
FORGOTTEN: Final = 500
READING_POLL_S: Final = 1.0
LISTING_S: Final = 3600.0
log = logging.getLogger(__name__)


class Worker:
    """Works on the jobs in the records, until it is stopped. One in a process.

    On SQLite there is one worker, in the process that owns the data folder; on Postgres as many as are
    started.
    """

    def __init__(self, parts: Parts, *, patience: Patience | None = None) -> None:
        self._parts = parts
        self._records = parts.records
        self._desk = Desk(parts, patience=patience)
        self._upkeep = Upkeep(parts)
        self._alone = self._records.database.sqlite
        self.name = "local" if self._alone else _own_name()
        self._queued: set[int] = set()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._dispatch, name="olhar-dispatch", daemon=True)
        self._passes = open_passes(parts)
        self._lookers = [
            threading.Thread(target=self._look_later, args=(one,), name="olhar-later", daemon=True)
            for one in self._passes
        ]
        self._beaten = self._looked = self._formed = 0.0

    def start(self) -> None:
        """Finish deletions that were broken off, go on with batches in flight, and take up what waits."""
        adopt(self._parts)
        finish_removals(self._parts)
        self._records.jobs.forget_unlisted(LISTING_S)
        work_at(self._desk)
        DBOS(config=self._config())
        _quiet()
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self._parts.settings.worker_batches,
            polling_interval_sec=QUEUE_POLL_S,
            on_conflict="always_update",
        )
        self._thread.start()
        self._upkeep.start()
        for looker in self._lookers:
            looker.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def stop(self, seconds: float | None = None) -> bool:
        """Bring the batches in flight to their end; what waits goes on with the next worker.

        Those that are not done within ``seconds`` (by default OLHAR_GRACE_SECONDS) go on there too; whether
        all came to their end, and whatever else was under way.
        """
        grace = self._parts.settings.grace_seconds if seconds is None else seconds
        deadline = time.monotonic() + grace
        self._stopping.set()
        self._woken.set()
        self._upkeep.tell()

        def left() -> float:
            return max(0.0, deadline - time.monotonic())

        self._thread.join(left())
        done = self._desk.drain(left()) and not self._thread.is_alive()
        done = self._upkeep.ended(left()) and done
        for looker, one in zip(self._lookers, self._passes, strict=True):
            looker.join(left())
            if looker.is_alive():
                done = False
            else:
                one.close()
        DBOS.destroy()
        work_at(None)
        self._desk.close(wait=done)
        if not self._alone:
            self._hand_over()
        return done

    def _hand_over(self) -> None:
        """Queue again what was begun here and did not end, for other workers to take up at once.

        Where that fails the worker does not leave: others find it silent and take up what it had.
        """
        client = DBOSClient(system_database_url=self._config()["system_database_url"])
        try:
            left = client.list_workflows(
                status="PENDING", executor_id=self.name, load_input=False, load_output=False
            )
            if left:
                client.resume_workflows([workflow.workflow_id for workflow in left], queue_name=QUEUE)
        finally:
            client.destroy()
        self._records.workers.leave(self.name)

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = self._tick()
            except OlharError as error:  # the database is away: it may come back
                log.warning("the worker waits: %s", error)
                pause = 1.0
            self._woken.wait(pause)
            self._woken.clear()

    def _look_later(self, one: LaterPass) -> None:
        """Carry out a later pass while no file waits."""
        batching = self._records.batching
        while not self._stopping.is_set():
            try:
                busy = bool(batching.unfinished()) or batching.due_in() == 0
                found = 0 if busy else one.some(self._stopping.is_set)
            except OlharError as error:
                log.warning("a pass over pictures waits: %s", error)
                found = 0
            if not found:
                self._stopping.wait(READING_POLL_S)

    def _tick(self) -> float:
        """Queue what can be queued; how long to wait then, in seconds."""
        self._show_life()
        unfinished = self._records.batching.unfinished()
        self._queued &= unfinished.keys()
        for batch_id in unfinished.keys() - self._queued:
            self._queue(batch_id)
        waiting = sum(state == "queued" for state in unfinished.values())
        while waiting < self._parts.settings.worker_batches and not self._gives_way():
            if (made := self._desk.form()) is None:
                break
            self._formed = time.monotonic()
            self._queue(made)
            waiting += 1
        self._look_after(unfinished)
        return min(POLL_S, self._records.batching.due_in() or POLL_S)

    def _gives_way(self) -> bool:
        """While somebody searches a file, small jobs wait a little for each other, and go together."""
        settings = self._parts.settings
        late = time.monotonic() - self._formed >= COURTESY_S
        if late or not settings.store_is_file or not SEARCHES.busy():
            return False
        return not self._records.batching.fills(settings.batch, BATCH_BYTES)

    def _queue(self, batch_id: int) -> None:
        enqueue(batch_id)
        self._queued.add(batch_id)

    def _show_life(self) -> None:
        now = time.monotonic()
        if self._alone or now - self._beaten < BEAT_S:
            return
        self._beaten = now
        self._records.workers.beat(self.name)
        for lost in self._records.workers.silent(LOST_S):
            left = DBOS.list_workflows(
                status="PENDING", executor_id=lost, load_input=False, load_output=False
            )
            for workflow in left:
                DBOS.resume_workflow(workflow.workflow_id, queue_name=QUEUE)
            self._records.workers.leave(lost)

    def _look_after(self, unfinished: dict[int, str]) -> None:
        """Files of a batch whose workflow ended otherwise than by its own doing wait again; what ended is
        forgotten, so that the queue does not grow."""
        now = time.monotonic()
        if now - self._looked < BEAT_S:
            return
        self._looked = now
        ended = DBOS.list_workflows(
            workflow_id_prefix=PREFIX, status=ENDED, limit=FORGOTTEN, load_input=False, load_output=False
        )
        ids = [workflow.workflow_id for workflow in ended]
        for batch_id in (int(workflow_id.removeprefix(PREFIX)) for workflow_id in ids):
            if batch_id in unfinished:
                self._records.batching.abandon(batch_id, "its batch broke off")
        if ids:
            DBOS.delete_workflows(ids)

    def _config(self) -> DBOSConfig:
        config: DBOSConfig = {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": self.name,
            "log_level": "CRITICAL",
        }
        url = self._records.database.url
        if self._alone:
            path = f"{url.removeprefix('sqlite:///')}-queue"
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
            config["system_database_url"] = f"sqlite:///{path}"
        else:
            config["system_database_url"] = url.replace("postgresql+psycopg:", "postgresql:")
        return config


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _quiet() -> None:
    """DBOS keeps the stderr of its first construction, which may be closed later, and tells what we tell."""
    logger = logging.getLogger("dbos")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
