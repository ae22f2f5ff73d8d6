"""Prepare the next batches while one is on the device."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

AHEAD = 2
"""Batches that are prepared, or being prepared, beyond the one on the device."""


def overlapped(
    items: Sequence[A], prepare: Callable[[A], B], *, batch: int, workers: int = 0
) -> Iterator[list[B]]:
    """``items`` prepared one by one in threads, as lists of ``batch``, in their order.

    While the caller works on one list, the next ``AHEAD`` are prepared by ``workers`` threads (0: one for
    each core). A single item is prepared in the calling thread. What ``prepare`` raises is raised here.
    """
    if len(items) <= 1:
        if items:
            yield [prepare(items[0])]
        return
    pending: deque[list[Future[B]]] = deque()
    starts = iter(range(0, len(items), batch))
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, "olhar-prepare")

    def submit() -> None:
        start = next(starts, None)
        if start is not None:
            pending.append([pool.submit(prepare, item) for item in items[start : start + batch]])

    try:
        for _ in range(1 + AHEAD):
            submit()
        while pending:
            done = [future.result() for future in pending.popleft()]
            submit()
            yield done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
