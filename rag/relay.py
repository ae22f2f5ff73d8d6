"""Runs a producer in a thread of its own and hands its items on, within deadlines."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Emit: TypeAlias = Callable[[T], bool]
"""Hands an item to the reader; returns True when nobody reads any more, and work should stop."""


class DeadlineExceeded(TimeoutError):
    """``stage`` is ``first`` (nothing came in time) or ``whole`` (it did not end in time)."""

    def __init__(self, stage: Literal["first", "whole"], seconds: float) -> None:
        super().__init__(f"{stage} deadline of {seconds:g} s exceeded")
        self.stage: Literal["first", "whole"] = stage
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Deadlines:
    """``first``: seconds until the first item. ``whole``: seconds from the first item to the end.

    ``more`` is asked once, when ``first`` is over: so many seconds more there are.
    """

    first: float
    whole: float
    more: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class Stopped(Exception):
    """Whoever waited was told to stop."""


class Stop:
    """Ends, from another thread, what waits for the items of a relay.

    It holds for the relays that are begun while ``STOP`` is set to it.
    """

    def __init__(self) -> None:
        self._told = False
        self._lock = threading.Lock()
        self._wake: list[Callable[[], None]] = []

    def __call__(self) -> None:
        """Stop what waits now, and what would wait later."""
        with self._lock:
            self._told = True
            wake, self._wake = self._wake, []
        for each in wake:
            each()

    def wakes(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when it is time to stop; at once if it is already."""
        with self._lock:
            if not self._told:
                self._wake.append(wake)
                return
        wake()


STOP: ContextVar[Stop | None] = ContextVar("STOP", default=None)


def relay(produce: Callable[[Emit[T]], None], deadlines: Deadlines | None = None) -> Iterator[T]:
    """The items that ``produce`` emits, in order, while it runs in a daemon thread.

    What ``produce`` raises is raised here. When the reader stops early or a deadline passes, the
    next ``emit`` returns True; a producer that never emits again is left to its own time-outs.
    Raises DeadlineExceeded, and Stopped when ``STOP`` says so.
    """
    items: queue.SimpleQueue[_Item[T] | _End] = queue.SimpleQueue()
    gone = threading.Event()

    def emit(value: T) -> bool:
        items.put(_Item(value))
        return gone.is_set()

    def run() -> None:
        error: BaseException | None = None
        try:
            produce(emit)
        except BaseException as caught:
            error = caught
        items.put(_End(error))

    if (stop := STOP.get()) is not None:
        stop.wakes(lambda: items.put(_End(Stopped())))
    threading.Thread(target=copy_context().run, args=(run,), name="relay", daemon=True).start()
    try:
        yield from _read(items, deadlines)
    finally:
        gone.set()


def within(stream: Iterable[T], deadlines: Deadlines) -> Iterator[T]:
    """The same items, or DeadlineExceeded when they do not come in time."""

    def produce(emit: Emit[T]) -> None:
        iterator = iter(stream)
        try:
            for item in iterator:
                if emit(item):
                    return
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    return relay(produce, deadlines)


def _read(items: queue.SimpleQueue[_Item[T] | _End], deadlines: Deadlines | None) -> Iterator[T]:
    stage: Literal["first", "whole"] = "first"
    seconds = deadlines.first if deadlines else None
    end = time.monotonic() + seconds if seconds is not None else None
    asked = False
    while True:
        try:
            item = items.get(timeout=None if end is None else max(end - time.monotonic(), 0))
        except queue.Empty:
            more = deadlines.more() if deadlines and stage == "first" and not asked else 0.0
            if more <= 0:
                raise DeadlineExceeded(stage, seconds or 0) from None
            asked, seconds, end = True, (seconds or 0) + more, time.monotonic() + more
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item.value
        if deadlines and stage == "first":
            stage, seconds = "whole", deadlines.whole
            end = time.monotonic() + deadlines.whole
