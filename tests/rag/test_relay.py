from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from rag.relay import STOP, DeadlineExceeded, Deadlines, Emit, Stop, Stopped, relay, within

LONG = Deadlines(first=30, whole=30)


def test_items_come_in_order() -> None:
    assert list(within(range(100), LONG)) == list(range(100))


def test_an_error_of_the_producer_is_raised_to_the_reader_after_the_items() -> None:
    def produce(emit: Emit[int]) -> None:
        emit(1)
        raise ValueError("broken")

    items = relay(produce)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


@pytest.mark.parametrize(
    ("deadlines", "before_first", "stage"),
    [(Deadlines(0.05, 30), True, "first"), (Deadlines(30, 0.05), False, "whole")],
)
def test_each_deadline_has_its_stage(deadlines: Deadlines, before_first: bool, stage: str) -> None:
    release = threading.Event()

    def slow() -> Iterator[int]:
        if before_first:
            release.wait(30)
        yield 1
        release.wait(30)

    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        list(within(slow(), deadlines))
    release.set()
    assert caught.value.stage == stage
    assert time.monotonic() - started < 5


def test_the_whole_deadline_holds_though_items_keep_coming() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1
            time.sleep(0.005)

    with pytest.raises(DeadlineExceeded):
        for _ in within(endless(), Deadlines(30, 0.1)):
            pass


def test_a_reader_that_stops_stops_the_producer_and_closes_it() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    items = within(endless(), LONG)
    next(items)
    items.close()  # type: ignore[attr-defined]  # a generator, typed as an iterator
    assert closed.wait(5)


@pytest.mark.parametrize("late", [False, True])
def test_another_thread_can_end_the_waiting(late: bool) -> None:
    stop, ended = Stop(), threading.Event()

    def silent() -> Iterator[int]:
        ended.wait(30)
        yield 1

    before = STOP.set(stop)
    try:
        items = within(silent(), LONG)
        if late:
            threading.Timer(0.1, stop).start()
        else:
            stop()
        with pytest.raises(Stopped):
            next(items)
    finally:
        STOP.reset(before)
        ended.set()


def test_a_stop_is_only_for_those_who_wait_under_it() -> None:
    stop = Stop()
    stop()
    assert list(within(range(3), LONG)) == [0, 1, 2]
