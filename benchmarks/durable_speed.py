"""Durable ingestion against the same work without records or queue, in turns within one run.

    python -m benchmarks.durable_speed FOLDER [--limit 600] [--rounds 3]
    python -m benchmarks.durable_speed FOLDER --memory [--limit 500]

“Plain” reads, decodes, keeps originals and thumbnails, encodes and upserts, with the same overlap (one batch
is prepared and one written while one is encoded), and gives no receipts. “Job” is `ingest.run.ingest`, as
`olhar ingest` does it; “queue” is a job put down for a worker in this process, as `olhar serve` has it. Each
begins with a data folder of its own, models loaded. Prints the plain run's time divided by theirs, by clock
and by processor time. With `--memory`: the peak memory of a job of so many files, and of six times as many,
each in a new process; once with Milvus Lite in the same process, which holds all vectors in memory, and once
with it in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path

from ingest import run, steps
from ingest.queue import Queue
from ingest.receipts import IngestReport
from ingest.sources import SourceFile, walk
from ingest.steps import Task
from ingest.system import BATCH, READERS
from ingest.worker import Worker
from ingest.writing import item_of
from rag.build import Olhar, build
from rag.images import working_picture
from rag.settings import load_settings
from rag.types import Row, Scope
from tests.milvus_server import serving

SCOPE = Scope("default", "default")
TIMES = 6
STARTING_S = 15
"""For Milvus Lite's server to be there."""
WAYS = ("plain", "job", "queue")


class Plain:
    """Batches through the steps of ingestion, with nothing to remember them by."""

    def __init__(self, olhar: Olhar, readers: ThreadPoolExecutor) -> None:
        self._olhar = olhar
        self._readers = readers

    def ingest(self, files: Sequence[SourceFile]) -> None:
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(1) as writer:
            starts = range(0, len(files), BATCH)
            coming: list[Future[list[Task]]] = []
            written: Future[None] | None = None
            for start in [*starts, None]:
                if start is not None:
                    coming.append(ahead.submit(self._prepare, files[start : start + BATCH]))
                if len(coming) == 2 or (start is None and coming):
                    tasks = coming.pop(0).result()
                    self._encode(tasks)
                    if written is not None:
                        written.result()
                    written = writer.submit(self._write, tasks)
            if written is not None:
                written.result()

    def _prepare(self, files: Sequence[SourceFile]) -> list[Task]:
        return list(self._readers.map(self._open, range(len(files)), files))

    def _open(self, place: int, file: SourceFile) -> Task:
        settings = self._olhar.settings
        task = Task.of(place, file, all_captions=False)
        steps.load(task, SCOPE, settings.max_bytes, file_metadata=settings.file_metadata)
        opened = partial(working_picture, max_pixels=settings.max_pixels)
        steps.decode(task, self._olhar.blobs, opened, settings.thumbnail)
        return task

    def _encode(self, tasks: Sequence[Task]) -> None:
        steps.encode_pictures(tasks, self._olhar.encoder.encode_images, BATCH)
        steps.encode_captions(tasks, self._olhar.text_encoder.encode_documents, BATCH)

    def _write(self, tasks: Sequence[Task]) -> None:
        rows = {
            task.item_id: Row(item_of(task, SCOPE, 0), task.image_vector, task.caption_vector)
            for task in tasks
        }
        self._olhar.store.upsert(list(rows.values()))


def plain(olhar: Olhar, files: Sequence[SourceFile]) -> None:
    with ThreadPoolExecutor(READERS) as readers:
        Plain(olhar, readers).ingest(files)


def job(olhar: Olhar, files: Sequence[SourceFile]) -> None:
    _whole(run.ingest(olhar, SCOPE, files))


def timed(way: str, files: Sequence[SourceFile]) -> tuple[float, float]:
    """Seconds by the clock and of processor time; a worker is up before they begin."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        olhar = stack.enter_context(build(load_settings(data=Path(folder))))
        olhar.warm()
        wake = stack.enter_context(Worker(olhar)).wake if way == "queue" else None
        clock, processor = time.perf_counter(), time.process_time()
        if way == "plain":
            plain(olhar, files)
        elif wake is None:
            job(olhar, files)
        else:
            _whole(Queue(olhar, wake).ingest(SCOPE, files))
        return time.perf_counter() - clock, time.process_time() - processor


def compare(files: Sequence[SourceFile], rounds: int) -> None:
    ratios: dict[str, list[tuple[float, float]]] = {"job": [], "queue": []}
    for turn in range(rounds):
        ways = WAYS if turn % 2 == 0 else WAYS[::-1]
        took = {way: timed(way, files) for way in ways}
        for way, found in ratios.items():
            found.append((took["plain"][0] / took[way][0], took["plain"][1] / took[way][1]))
        told = ", ".join(
            f"{way} {clock:.1f} s ({processor:.1f} s)" for way, (clock, processor) in took.items()
        )
        print(f"round {turn + 1}, {len(files)} photos, by the clock (processor time): {told}", flush=True)
    for way, found in ratios.items():
        clocks, processors = ([pair[n] for pair in found] for n in (0, 1))
        print(
            f"plain / {way}: median {statistics.median(clocks):.2f} by the clock, "
            f"{statistics.median(processors):.2f} by processor time"
        )


def memory(folder: Path, limit: int) -> None:
    """Print the peak memory of jobs of ``limit`` files and of six times as many."""
    for apart in (False, True):
        print("Milvus Lite in a process of its own:" if apart else "Milvus Lite in the same process:")
        for count in (limit, TIMES * limit):
            command = [sys.executable, "-m", "benchmarks.durable_speed", str(folder)]
            command += ["--peak", "--limit", str(count), *(["--apart"] if apart else [])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(done.stdout.strip(), flush=True)


def peak(files: Sequence[SourceFile], *, apart: bool) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given: dict[str, str | Path] = {"data": folder / "data"}
        if apart:
            (folder / "milvus").mkdir()
            given["milvus_uri"] = stack.enter_context(serving(folder / "milvus"))
            time.sleep(STARTING_S)
        job(stack.enter_context(build(load_settings(**given))), files)
    print(f"{len(files)} photos: peak of {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _whole(report: IngestReport) -> None:
    counts = report.counts
    if counts["indexed"] + counts["duplicate"] != len(report.files):
        raise SystemExit(f"not all files were indexed: {counts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=600, help="photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="compare peak memory, not time")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory(options.folder, options.limit)
        return
    files = list(islice((file for file in walk([options.folder]) if file.refused is None), options.limit))
    if options.peak:
        peak(files, apart=options.apart)
    else:
        compare(files, options.rounds)


if __name__ == "__main__":
    main()
