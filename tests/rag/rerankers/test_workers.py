from __future__ import annotations

import threading

import pytest

from rag.rerankers.workers import Workers


def test_every_job_is_done_once_and_no_more_at_a_time_than_allowed() -> None:
    lock, now, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def do(job: int) -> int:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        together.wait(10)
        with lock:
            now -= 1
        return job * 2

    assert dict(Workers(do, 3).run(range(9), 20)) == {job: job * 2 for job in range(9)}
    assert most == 3


def test_the_deadline_ends_it_with_what_was_done() -> None:
    gate = threading.Event()
    workers: Workers[int, int | bool] = Workers(lambda job: gate.wait(10) if job else job, 1)
    assert list(workers.run([0, 1, 2], 0.2)) == [(0, 0)]
    assert list(workers.run([0], 0.05)) == []  # the one that hangs still holds its place
    gate.set()
    assert list(workers.run([0], 5)) == [(0, 0)]


def test_what_a_job_raises_ends_the_others() -> None:
    done = []

    def do(job: int) -> int:
        done.append(job)
        if job == 1:
            raise ValueError("broken")
        return job

    with pytest.raises(ValueError, match="broken"):
        list(Workers(do, 1).run([0, 1, 2, 3], 5))
    assert done == [0, 1]


def test_nothing_to_do_is_done() -> None:
    assert list(Workers(lambda job: job, 2).run([], 5)) == []
