"""A circuit breaker: a part that failed several times in a row is left alone for a while.

After M. Nygard, “Release It!” (2007), chapter 5. Closed, everything is let through. After ``failures`` in a
row it is open: nothing is, for ``seconds``. Then it is half open: one caller tries, and its success closes it
again, its failure opens it for as long once more. Callers that were let through before it opened have no say
in that: they met what is known already.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, NewType, TypeAlias

from rag.errors import ModelUnavailable

State: TypeAlias = Literal["closed", "open", "half-open"]
Entry = NewType("Entry", int)
"""How often it had opened when somebody was let through. While it is half open, the one with the present
number is the one that tries."""
logger = logging.getLogger(__name__)


class Breaker:
    """Safe to use from several threads. ``name`` is a setting and its value; without ``failures`` it never
    opens."""

    def __init__(
        self, name: str, *, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._opened = Entry(0)
        self._opened_at: float | None = None
        self._trying = False
        self._why = ""

    @property
    def state(self) -> State:
        """What becomes of the next caller."""
        with self._lock:
            return self._state()

    @property
    def told(self) -> str:
        """The state for people to read."""
        with self._lock:
            state = self._state()
            return f"open, asked again in {self._left():.0f} s" if state == "open" else state

    def enter(self) -> Entry:
        """Ask to be let through; whoever is says then how it went, by one of ``succeeded``, ``failed`` and
        ``left`` with what came back.

        Raises ModelUnavailable, at once, while the part is left alone.
        """
        with self._lock:
            state = self._state()
            if state == "open" or (state == "half-open" and self._trying):
                raise self._away(state)
            self._trying = state == "half-open"
            return self._opened

    def require_closed(self) -> None:
        """Raises ModelUnavailable unless everything is let through; for those whose try says nothing."""
        with self._lock:
            if (state := self._state()) != "closed":
                raise self._away(state)

    def began(self, entry: Entry) -> None:
        """It does what it was asked for, so far: others need not wait for the end of the one that tries.

        The next failure, of that one or of another, opens it again.
        """
        if self._closed_by(entry, failed=max(self._most - 1, 0)):
            logger.info("%s answers again", self._name)

    def succeeded(self, entry: Entry) -> None:
        """It did what it was asked for."""
        if self._closed_by(entry, failed=0):
            logger.info("%s works again", self._name)
        with self._lock:
            if entry == self._opened:
                self._failed = 0

    def failed(self, entry: Entry, why: str) -> None:
        """It could not."""
        with self._lock:
            if entry != self._opened:
                return
            self._failed += 1
            self._why = why
            opens = self._opened_at is not None or 0 < self._most <= self._failed
            self._trying = False
            if opens:
                self._opened = Entry(self._opened + 1)
                self._opened_at = self._clock()
        if opens:
            logger.warning("%s is left alone for %g s: %s", self._name, self._seconds, why)

    def left(self, entry: Entry) -> None:
        """Nobody knows: whoever asked went away before."""
        with self._lock:
            self._trying = self._trying and entry != self._opened

    def _closed_by(self, entry: Entry, *, failed: int) -> bool:
        with self._lock:
            if self._opened_at is None or entry != self._opened:
                return False
            self._failed, self._opened_at, self._trying = failed, None, False
            return True

    def _away(self, state: State) -> ModelUnavailable:
        again = f"in {self._left():.0f} s" if state == "open" else "when a first try went well"
        return ModelUnavailable(
            f"{self._name}: it failed {self._most} times in a row and is asked again {again} "
            f"(OLHAR_BREAKER_FAILURES, OLHAR_BREAKER_SECONDS); the last time: {self._why}"
        )

    def _state(self) -> State:
        if self._opened_at is None:
            return "closed"
        return "open" if self._left() > 0 else "half-open"

    def _left(self) -> float:
        assert self._opened_at is not None
        return max(0.0, self._opened_at + self._seconds - self._clock())
