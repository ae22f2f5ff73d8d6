"""How a server ends: after the first signal in good order and within bounded time, at the second at once."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import uvicorn

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """``seconds``: what is under way may take so long, from the first signal on."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: float | None = None
        self.stuck = False
        """Whether something is still at work that was given back: then the process does not wait for it."""

    @property
    def left(self) -> float:
        """Seconds that are left; all of them while no signal came."""
        return self._seconds if self._until is None else max(0.0, self._until - self._clock())

    def begin(self) -> None:
        """A signal came."""
        self._until = self._until or self._clock() + self._seconds

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Signals leave through the ``with`` blocks inside: SIGTERM with exit code 143, SIGINT as
        KeyboardInterrupt. That is for the start, and for uvicorn, which raises them again when it has ended.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # no signal is delivered to another thread
            return
        left = ending = False

        def leave(number: int, _: FrameType | None) -> NoReturn:
            nonlocal left
            if left:
                at_once(number)
            left = True
            self.begin()
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(128 + number)

        before = {number: signal.signal(number, leave) for number in SIGNALS}
        try:
            yield
        except SystemExit as end:
            ending = left
            self._done(end.code if isinstance(end.code, int) else 1)
            raise
        else:
            self._done(0)
        finally:
            if not ending:  # else a second signal still ends the process at once
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _done(self, code: int) -> None:
        """All is closed; the end of the process would wait for threads that nobody waits for any more."""
        if self.stuck:
            log.warning("what took too long was given back, and goes on at the next start")
            sys.stdout.flush()
            logging.shutdown()
            os._exit(code)


class Server(uvicorn.Server):
    """Says when it was told to end; at the second signal it ends at once."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's, which only a second Ctrl-C would hurry."""
        if self.should_exit:
            at_once(sig)
        self._on_end()
        super().handle_exit(sig, frame)


def at_once(number: int) -> NoReturn:
    """As after ``kill -9``, which loses nothing: what was under way goes on at the next start."""
    os._exit(128 + number)
