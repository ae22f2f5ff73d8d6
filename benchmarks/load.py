"""Many clients at once: what the server refuses, how fast it is to those it serves, and whether it grows.

    pip install -c constraints.txt locust
    python -m benchmarks.load PHOTOS [--clients 64] [--seconds 300]

PHOTOS is a folder with a `captions.jsonl`; its first photos are ingested. `olhar serve` runs embedded in a
process of its own, the clients in another. First one client searches (idle), then all do nothing but search,
then they mix searches, embeddings, chats and uploads, 10 : 3 : 1 : 1. One that is refused (429) comes back
when it was told to. Prints a table and what is asked of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # so shipped

from benchmarks.serving import serving
from rag.evaluation.datasets import read_dataset

USERS: Final = Path(__file__).with_name("load_users.py")
STORED: Final = 300
ALONE_S: Final = 30
SATURATED_S: Final = 60
SAMPLE_S: Final = 2.0
SETTLED: Final = 0.2
"""Of the mixed run, after which memory should not grow any more."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=300)
    given = parser.parse_args()
    photos = read_dataset(given.photos).photos[:STORED]
    with serving(photos, {}) as served:
        run(served.url, given.photos, "search", 1, 10)  # everything is loaded then
        idle = run(served.url, given.photos, "search", 1, ALONE_S)
        alone = run(served.url, given.photos, "search", given.clients, SATURATED_S)
        with memory(served.process) as sizes:
            mixed = run(served.url, given.photos, "mixed", given.clients, given.seconds)
    for name, found in (("one searches", idle), ("all search", alone), ("mixed", mixed)):
        print(name)
        for row in found.values():
            print(
                f"  {row['name']:16} {row['rate']:7.1f}/s  p50 {row['p50']:6} ms  p95 {row['p95']:6} ms  "
                f"{row['count']:6} requests, {row['failures']} errors"
            )
    settled = sizes[int(SETTLED * len(sizes)) :]
    first, last = settled[: max(len(settled) // 10, 1)], settled[-max(len(settled) // 10, 1) :]
    print(f"errors {sum(row['failures'] for row in mixed.values())} (target 0)")
    print(
        f"searches/s, mixed against search alone {mixed['search']['rate'] / alone['search']['rate']:.2f} (.7)"
    )
    print(f"p95 of searches, mixed against idle {mixed['search']['p95'] / idle['search']['p95']:.2f} (< 5)")
    print(
        f"memory {sum(first) / len(first):.0f} MiB, then {sum(last) / len(last):.0f} MiB: "
        f"{sum(last) / len(last) / (sum(first) / len(first)) - 1:+.1%} (< 5 %)"
    )


def run(url: str, photos: Path, mix: str, clients: int, seconds: int) -> Mapping[str, Mapping[str, Any]]:
    """What locust measured, by name."""
    env = {**os.environ, "OLHAR_LOAD_PHOTOS": str(photos), "OLHAR_LOAD_MIX": mix}
    with tempfile.TemporaryDirectory() as folder:
        bounds = ["-u", str(clients), "-r", str(clients), "-t", f"{seconds}s", "--stop-timeout", "60"]
        told = ["--skip-log", "--json-file", f"{folder}/found"]
        locust = [sys.executable, "-m", "locust", "-f", str(USERS), "--headless", "--host", url]
        null = subprocess.DEVNULL
        subprocess.run([*locust, *bounds, *told], env=env, check=False, stdout=null, stderr=null)
        rows = json.loads(Path(f"{folder}/found.json").read_text("utf-8"))
    return {row["name"]: _row(row) for row in rows}


def _row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    times = {int(time): count for time, count in row["response_times"].items()}
    taken = max(row["last_request_timestamp"] - row["start_time"], 1e-9)
    return {
        "name": row["name"],
        "count": row["num_requests"],
        "failures": row["num_failures"],
        "rate": row["num_requests"] / taken,
        "p50": _percentile(times, 0.5),
        "p95": _percentile(times, 0.95),
    }


def _percentile(times: Mapping[int, int], share: float) -> int:
    """Milliseconds, from how many requests took how long."""
    left = share * sum(times.values())
    for taken in sorted(times):
        left -= times[taken]
        if left <= 0:
            return taken
    return 0


@contextmanager
def memory(process: int) -> Iterator[list[float]]:
    """MiB that the server and its children hold, every two seconds until the block ends."""
    sizes: list[float] = []
    over = threading.Event()

    def look() -> None:
        server = psutil.Process(process)
        while not over.wait(SAMPLE_S):
            held = 0
            for one in (server, *server.children(recursive=True)):
                try:
                    held += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            sizes.append(held / 2**20)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield sizes
    finally:
        over.set()
        watcher.join()


if __name__ == "__main__":
    main()
