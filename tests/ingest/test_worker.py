"""A worker on real queues: jobs end, also after a kill, and workers share them."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from dbos import DBOS

from ingest.desk import Desk
from ingest.queue import Queue
from ingest.retrying import Patience
from ingest.sources import walk
from ingest.worker import Worker
from ingest.workflows import PREFIX
from rag.courtesy import SEARCHES
from rag.errors import StoreUnavailable
from rag.store import MilvusStore
from tests.milvus_server import patiently, serving
from tests.postgres import Postgres

from .conftest import SCOPE, FakeParts, add, picture, save, statuses

ROOT = Path(__file__).parents[2]
PATIENCE_S = 100


@pytest.fixture
def quick(parts: FakeParts) -> Iterator[tuple[FakeParts, Queue]]:
    """A worker at work, and its queue."""
    with Worker(parts, patience=Patience((0.01, 0.01))) as worker:
        yield parts, Queue(parts, worker.wake)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_jobs_come_to_their_end(quick: tuple[FakeParts, Queue], photos: Path) -> None:
    parts, queue = quick
    add(photos, 30)
    save(photos / "cut.png", picture(99)[:40])
    told: list[str] = []
    report = queue.ingest(SCOPE, walk([photos]), on_file=lambda receipt: told.append(receipt.source))
    assert report.counts == {"indexed": 30, "duplicate": 0, "unchanged": 0, "quarantined": 1, "failed": 0}
    assert sorted(told) == sorted(receipt.source for receipt in report.files)
    assert set(report.files[0].steps_ms) == {"fetch", "describe", "encode", "write", "verify"}
    assert queue.ingest(SCOPE, walk([photos])).counts["unchanged"] == 30
    assert len(parts.store.saved) == 30


def test_the_queue_forgets_what_has_ended(
    parts: FakeParts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.worker.BEAT_S", 0.05)
    add(photos, 20)
    with Worker(parts) as worker:
        Queue(parts, worker.wake).ingest(SCOPE, walk([photos]))
        until(lambda: not DBOS.list_workflows(workflow_id_prefix=PREFIX))
    assert len(parts.store.saved) == 20


def test_while_somebody_searches_files_of_several_jobs_go_together(
    parts: FakeParts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(photos, 8)
    form, made = Desk.form, []

    def formed(desk: Desk) -> int | None:
        if (batch := form(desk)) is not None:
            made.append(time.monotonic())
        return batch

    monkeypatch.setattr(Desk, "form", formed)
    monkeypatch.setattr("ingest.worker.COURTESY_S", 1.5)
    with Worker(parts) as worker, SEARCHES.one():
        queue = Queue(parts, worker.wake)
        jobs = []
        for path in sorted(photos.iterdir()):
            jobs.append(queue.submit(SCOPE, walk([path])))
            time.sleep(0.05)
        for job in jobs:
            queue.follow(SCOPE.tenant, job)
    assert all(queue.report(SCOPE, job).counts["indexed"] == 1 for job in jobs)
    assert len(made) <= 3  # two: the first at once, then what came meanwhile
    assert made[-1] - made[0] > 1.4


def test_a_passing_error_is_waited_out_a_lasting_one_is_told(
    quick: tuple[FakeParts, Queue], photos: Path
) -> None:
    parts, queue = quick
    add(photos, 3)
    broken = [StoreUnavailable("Milvus is away")] * 4

    def away() -> None:
        if broken:
            raise broken.pop()

    parts.store.before_get = away
    assert queue.ingest(SCOPE, walk([photos])).counts["indexed"] == 3
    broken += [StoreUnavailable("Milvus is away")] * 1000
    report = queue.ingest(SCOPE, walk([photos]))
    assert report.counts["failed"] == 3
    assert "Milvus is away; trying again may help" in report.files[0].reason
    broken.clear()
    (job,) = parts.records.jobs.latest(SCOPE.tenant, limit=1)
    parts.records.jobs.retry(SCOPE.tenant, job.id)
    queue.follow(SCOPE.tenant, job.id)
    assert queue.report(SCOPE, job.id).counts["unchanged"] == 3


def test_a_worker_that_is_stopped_leaves_the_rest_for_the_next(parts: FakeParts, photos: Path) -> None:
    add(photos, 100)
    parts.fake.before = lambda _: time.sleep(0.02)
    queue = Queue(parts)
    job_id = queue.submit(SCOPE, walk([photos]))
    with Worker(parts):
        until(lambda: parts.records.jobs.get(SCOPE.tenant, job_id).done > 8)
    assert parts.records.jobs.get(SCOPE.tenant, job_id).done < 100
    with Worker(parts):
        queue.follow(SCOPE.tenant, job_id)
    assert queue.report(SCOPE, job_id).counts["indexed"] == 100
    assert all(row.crashes == 0 for row in parts.records.jobs.files(SCOPE.tenant, job_id))


def test_a_worker_ends_in_its_time_though_something_else_is_stuck(
    parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, free = threading.Event(), threading.Event()

    def stuck(*_: object, on_step: Callable[[], None]) -> None:
        entered.set()
        free.wait(PATIENCE_S)
        on_step()

    monkeypatch.setattr("ingest.fairness.look", stuck)
    parts.settings = parts.settings.model_copy(update={"fairness_hours": 1.0})
    worker = Worker(parts)
    drain = Mock(return_value=True)
    monkeypatch.setattr(worker._desk, "drain", drain)
    worker.start()
    entered.wait(PATIENCE_S)
    assert worker.stop(0.3) is False
    assert 0 <= drain.call_args.args[0] < 0.3
    free.set()
    assert worker._upkeep.ended(PATIENCE_S)


STUCK = """
    import os, sys, threading
    from pathlib import Path
    from ingest.worker import Worker
    from tests.ingest.conftest import FakeParts

    parts, begun = FakeParts(Path(sys.argv[1]), database_url=sys.argv[2]), threading.Event()
    def stuck(pictures):
        begun.set()
        threading.Event().wait()
    parts.fake.encode_images = stuck
    worker = Worker(parts)
    worker.start()
    begun.wait()
    os._exit(worker.stop(0.1))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_batch_that_takes_longer_than_the_end_may_goes_on_at_the_next_start(
    kind: str, tmp_path: Path, photos: Path, request: pytest.FixtureRequest
) -> None:
    add(photos, 3)
    database = "" if kind == "sqlite" else request.getfixturevalue("postgres").database()
    parts = FakeParts(tmp_path, database_url=database)
    queue = Queue(parts)
    job_id = queue.submit(SCOPE, walk([photos]))
    code = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STUCK), str(tmp_path), database], cwd=ROOT, timeout=PATIENCE_S
    ).returncode
    assert code == 0  # not done, and said so
    with Worker(parts):
        queue.follow(SCOPE.tenant, job_id)
    assert queue.report(SCOPE, job_id).counts["indexed"] == 3
    rows = parts.records.jobs.files(SCOPE.tenant, job_id)
    assert {(row.crashes, row.attempts) for row in rows} == {(0, 0)}
    parts.records.close()


CHILD = """
    import os, sys, threading, time
    from pathlib import Path
    from ingest.worker import Worker
    from rag.records.records import Records
    from tests.ingest.conftest import FakeParts
    from tests.ingest.test_worker import Shared

    folder, uri, database = sys.argv[1:4]
    parts = Shared(Path(folder), uri, database)
    encode = parts.fake.encode_images
    def told(pictures):
        time.sleep(0.05)
        os.write(1, f"{len(pictures)}\\n".encode())
        return encode(pictures)
    parts.fake.encode_images = told
    with Worker(parts) as worker:
        os.write(1, b"ready\\n")
        sys.stdin.read()
"""


class Shared(FakeParts):
    """The doubles, but for a store that processes share, and records where it is told."""

    def __init__(self, folder: Path, uri: str, database: str) -> None:
        super().__init__(folder, database_url=database)
        fingerprint = self.fake.fingerprint
        self.milvus: MilvusStore = patiently(uri, fingerprint, fingerprint)
        self.store = self.milvus  # type: ignore[assignment]  # a store is a store


def child(folder: Path, uri: str, database: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(folder), uri, database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> list[int]:
    """How many pictures it encoded at a time, after it was told to end."""
    out, _ = process.communicate(timeout=PATIENCE_S)
    return [int(line) for line in out.split()]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_workers_files_are_neither_lost_nor_doubled(
    tmp_path: Path, photos: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    add(photos, 60)
    database = f"sqlite:///{tmp_path}/records.db"
    if kind == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        database = server.database()
    with serving(tmp_path / "milvus") as uri:
        parts = Shared(tmp_path / "shared", uri, database)
        queue = Queue(parts)
        job_id = queue.submit(SCOPE, walk([photos]))
        for _ in range(2):
            worker = child(tmp_path / "shared", uri, database)
            done = parts.records.jobs.get(SCOPE.tenant, job_id).done
            until(lambda done=done: parts.records.jobs.get(SCOPE.tenant, job_id).done > done + 8)  # type: ignore[misc]
            worker.send_signal(signal.SIGKILL)
            ended(worker)
        with parts.records.database.writing() as connection:
            connection.exec_driver_sql("UPDATE workers SET seen_at = 0")  # heard of long ago
        worker = child(tmp_path / "shared", uri, database)
        queue.follow(SCOPE.tenant, job_id)
        ended(worker)
        report = queue.report(SCOPE, job_id)
        assert report.counts["indexed"] == 60
        assert set(statuses(report).values()) == {"indexed"}
        assert parts.milvus.count(SCOPE, "image") == 60
        assert queue.report(SCOPE, job_id).files == report.files
        parts.milvus.close()
        parts.records.close()


def test_two_workers_on_postgres_share_a_job_and_do_no_file_twice(
    tmp_path: Path, photos: Path, postgres: Postgres
) -> None:
    add(photos, 120)
    database = postgres.database()
    with serving(tmp_path / "milvus") as uri:
        parts = Shared(tmp_path / "shared", uri, database)
        workers = [child(tmp_path / "shared", uri, database) for _ in range(2)]
        queue = Queue(parts)
        assert queue.ingest(SCOPE, walk([photos])).counts["indexed"] == 120
        encoded = [ended(worker) for worker in workers]
        assert all(encoded), "one worker did it all"
        assert sum(map(sum, encoded)) == 120
        assert parts.milvus.count(SCOPE, "image") == 120
        parts.milvus.close()
        parts.records.close()
