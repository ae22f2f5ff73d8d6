"""Several requests at a time, all questions together, within a deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers(Generic[T, R]):
    """Runs ``do`` on jobs, at most ``most`` at a time however many threads ask for it."""

    def __init__(self, do: Callable[[T], R], most: int) -> None:
        self._do = do
        self._most = most
        self._gate = threading.BoundedSemaphore(most)

    def run(self, jobs: Sequence[T], seconds: float) -> Iterator[tuple[int, R]]:
        """Place and outcome of each job as it is done, the first jobs begun first; ends with the deadline.

        What is under way then is given up: its thread ends by itself. What ``do`` raises is raised here.
        """
        until = time.monotonic() + seconds
        left, done = _numbered(jobs), queue.SimpleQueue[tuple[int, R] | Exception]()
        over = threading.Event()
        # Daemon threads of the caller's own, no pool: one that hangs holds up neither others nor the exit.
        for _ in range(min(self._most, len(jobs))):
            args = (left, done, over, until)
            threading.Thread(target=self._work, args=args, name="rerank", daemon=True).start()
        try:
            for _ in jobs:
                outcome = done.get(timeout=max(until - time.monotonic(), 0))
                if isinstance(outcome, Exception):
                    raise outcome
                yield outcome
        except queue.Empty:
            return
        finally:
            over.set()

    def _work(
        self,
        left: queue.SimpleQueue[tuple[int, T]],
        done: queue.SimpleQueue[tuple[int, R] | Exception],
        over: threading.Event,
        until: float,
    ) -> None:
        while not over.is_set() and self._gate.acquire(timeout=max(until - time.monotonic(), 0)):
            try:
                place, job = left.get_nowait()
                done.put((place, self._do(job)))
            except queue.Empty:
                return
            except Exception as error:
                done.put(error)
                return
            finally:
                self._gate.release()


def _numbered(jobs: Sequence[T]) -> queue.SimpleQueue[tuple[int, T]]:
    left = queue.SimpleQueue[tuple[int, T]]()
    for numbered in enumerate(jobs):
        left.put(numbered)
    return left
