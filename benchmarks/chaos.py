"""Kills at random moments while jobs are under way: is anything lost, doubled, or told wrongly?

    python -m benchmarks.chaos [--setup embedded|servers|both] [--kills 200] [--jobs 10] [--files 500]
        [--seed 1] [--minutes 60]

`embedded` is `olhar serve` on a data folder: records in SQLite, vectors in a Milvus Lite file. `servers` is
`olhar serve` without a worker, two `olhar worker`, Postgres, and Milvus Lite's server; all but Postgres are
killed (`kill -9`) and started again. `both` gives each half of the kills and jobs. Jobs of generated pictures
are sent over HTTP, two at a time; from the second of a collection on they hold files that were sent before,
changed or not. Files whose receipt says that trying again can help are retried, as a user would. Jobs are
added until the kills are made.

A kill comes a random moment after the first receipts since the last kill, or, one in eight, after any random
moment. In the end what is stored is compared with what was sent: receipts, items, their sources and captions,
originals, and whether a search by its own picture finds each. Prints a table; exit code 1 when
anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos_check import check_items, check_receipts, left_over, lost_originals
from benchmarks.chaos_files import Lane, Sent
from benchmarks.chaos_system import System, set_up
from rag.build import build
from rag.settings import load_settings

LANES = 2
BATCH = 32
POLL_S = 0.3
PATIENCE_S = 20.0
"""A kill does not wait longer than this for a receipt, once the server answers."""
STARTING_S = 180.0
"""Nor longer than this for the server: a machine so busy that nothing ever starts would show nothing."""
SPREAD_S = 1.5
ANY_MOMENT = 1 / 8
TIMEOUT = httpx.Timeout(60)
RETRIES = 50


@dataclass
class Run:
    """What one set-up has been through."""

    system: System
    kills: int
    jobs: int
    files: int
    deadline: float
    random: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    sent: list[tuple[Lane, str, list[Sent]]] = field(default_factory=list)
    retried: Counter[str] = field(default_factory=Counter)
    again: set[str] = field(default_factory=set)
    left_over: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self) -> bool:
        return time.monotonic() > self.deadline

    def left(self) -> int:
        return self.kills - self.killed.total()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The answer to a request that may be repeated, as soon as there is one."""
        while True:
            try:
                answer = httpx.request(method, self.system.url + path, timeout=TIMEOUT, **options)
                if answer.status_code < 500:
                    return answer.json()
            except httpx.TransportError:
                pass
            if self.over():
                raise TimeoutError(f"{method} {path}: time is over")
            time.sleep(POLL_S)


def work(run: Run, lane: Lane) -> None:
    """Send jobs to one collection, one after the other, until there were enough."""
    while not run.over():
        with run.lock:
            number = len(run.sent)
            if number >= run.jobs and not run.left():
                return
            files = lane.job(number, run.files)
            run.sent.append((lane, "", files))
        job_id = send(run, lane, files)
        with run.lock:
            run.sent[number] = (lane, job_id, files)
        follow(run, job_id)


def send(run: Run, lane: Lane, files: Sequence[Sent]) -> str:
    """Put down a job. When the server was killed meanwhile, see whether it is there before sending again."""
    known = {job_id for _, job_id, _ in run.sent}
    path = f"/v1/collections/{lane.name}/items"
    told = [{"source": file.source, "caption": file.caption} for file in files]
    form = [("files", (f"{n}.jpg", file.data)) for n, file in enumerate(files)]
    while not run.over():
        try:
            answer = httpx.post(
                run.system.url + path, data={"descriptions": json.dumps(told)}, files=form, timeout=TIMEOUT
            )
            if answer.status_code == 202:
                return str(answer.json()["id"])
            if answer.status_code < 500:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
        except httpx.TransportError:
            time.sleep(POLL_S)
        for job in run.ask("GET", "/v1/jobs?limit=1000")["jobs"]:
            if job["collection"] == lane.name and job["id"] not in known:
                return str(job["id"])
    raise TimeoutError("time is over")


def follow(run: Run, job_id: str) -> None:
    """Wait until every file has a receipt that no other try can change."""
    for _ in range(RETRIES):
        while run.ask("GET", f"/v1/jobs/{job_id}")["finished_at"] is None:
            time.sleep(POLL_S)
        bad = [
            file
            for status in ("failed", "quarantined")
            for file in run.ask("GET", f"/v1/jobs/{job_id}/files?status={status}")["files"]
        ]
        again = [file for file in bad if file["retryable"]]
        innocent = [
            file for file in bad if file["status"] == "quarantined" and "the process ended" in file["reason"]
        ]
        if not again and not innocent:
            return
        run.again.add(job_id)
        run.retried["failed, and retried"] += len(again)
        run.retried["quarantined though innocent"] += len(innocent)
        run.ask("POST", f"/v1/jobs/{job_id}/retry?quarantined={str(bool(innocent)).lower()}")


def kill(run: Run) -> None:
    """Kill one program after the other, each after a random moment."""
    while run.left() and not run.over():
        if run.random.random() > ANY_MOMENT:
            wait_for_receipt(run)
        time.sleep(run.random.uniform(0, SPREAD_S))
        program = run.random.choice(run.system.programs)
        run.killed[program.name] += program.kill()
        print(f"{run.killed.total()} of {run.kills} kills, {program.name}", flush=True)


def wait_for_receipt(run: Run) -> None:
    before, until = None, time.monotonic() + STARTING_S
    while time.monotonic() < until and not run.over():
        try:
            jobs = httpx.get(f"{run.system.url}/v1/jobs?limit=1000", timeout=5).json()["jobs"]
        except (httpx.TransportError, ValueError, KeyError):
            jobs = None
        if jobs is not None:
            done = sum(job["done"] for job in jobs)
            if before is not None and done > before:
                return
            if before is None:
                before, until = done, time.monotonic() + PATIENCE_S
        time.sleep(POLL_S / 3)


def play(kind: str, options: argparse.Namespace, share: int) -> list[str]:
    """One set-up from its start to what is wrong at its end."""
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="olhar-chaos-") as name,
        set_up(kind, Path(name), BATCH) as (
            system,
            settings,
        ),
    ):
        run = Run(
            system,
            kills=-(-options.kills // share),
            jobs=-(-options.jobs // share),
            files=options.files,
            deadline=started + 60 * options.minutes / share,
            random=random.Random(f"{options.seed} {kind}"),
        )
        lanes = [Lane(f"lane{n}", random.Random(f"{options.seed} {kind} {n}")) for n in range(LANES)]
        run.ask("GET", "/v1/jobs")
        with ThreadPoolExecutor(LANES + 1) as threads:
            futures = [threads.submit(kill, run), *(threads.submit(work, run, lane) for lane in lanes)]
            try:
                errors = [future.exception() for future in futures]
            except BaseException:
                run.deadline = 0  # what is told to end ends, with its threads
                raise
            problems = [f"{type(error).__name__}: {error}" for error in errors if error]
        if run.left():
            problems.append(f"only {run.killed.total()} kills in {options.minutes / share:g} minutes")
        system.rest()
        wanted: dict[str, set[str]] = {}
        with build(load_settings(**settings)) as olhar:
            for _, job_id, files in run.sent:
                if job_id:
                    problems += check_receipts(olhar, job_id, files, retried=job_id in run.again)
                else:
                    problems.append("a job was not put down")
            for lane in lanes:
                problems += check_items(olhar, lane)
                wanted |= lane.stored()
            problems += lost_originals(olhar, wanted)
            run.left_over = left_over(olhar, wanted)
    report(kind, run, len(wanted), time.monotonic() - started, problems)
    return problems


def report(kind: str, run: Run, stored: int, seconds: float, problems: Sequence[str]) -> None:
    statuses = Counter(file.allowed[0] for _, _, files in run.sent for file in files)
    rows: list[tuple[str, object]] = [
        ("kills", f"{run.killed.total()} ({', '.join(f'{n} {k}' for k, n in sorted(run.killed.items()))})"),
        ("jobs, files", f"{len(run.sent)}, {sum(len(files) for _, _, files in run.sent)}"),
        ("kinds of files", ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))),
        ("items and originals", stored),
        ("files left over that nothing needs", run.left_over),
        *run.retried.items(),
        ("programs that ended by themselves", sum(p.ended_itself for p in run.system.programs)),
        ("seconds", round(seconds)),
        ("violations", len(problems)),
    ]
    print(f"{kind}\n" + "\n".join(f"  {name:36}{value}" for name, value in rows), flush=True)
    for problem in problems[:50]:
        print(f"  ! {problem}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--setup", choices=("embedded", "servers", "both"), default="both")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=10, help="at least so many")
    parser.add_argument("--files", type=int, default=500, help="of each job")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="give up after so long")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are ended
    kinds = ("embedded", "servers") if options.setup == "both" else (options.setup,)
    problems = [problem for kind in kinds for problem in play(kind, options, len(kinds))]
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
