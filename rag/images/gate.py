"""How many pixels are decoded at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

PIXELS_IN_FLIGHT = 100_000_000
"""Pixels decoded at a time in this process; each takes 8 to 16 bytes meanwhile."""


class Gate:
    """Lets pictures in, first come, first served, while their pixels together stay within the budget.

    One that is larger than the budget goes alone.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._inside = 0
        self._queue: deque[object] = deque()
        self._moved = threading.Condition()

    @contextlib.contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for so many pixels, and hold it."""
        ticket = object()
        with self._moved:
            self._queue.append(ticket)
            try:
                self._moved.wait_for(lambda: self._queue[0] is ticket and self._has_room(pixels))
            finally:
                self._queue.remove(ticket)
                self._moved.notify_all()
            self._inside += pixels
        try:
            yield
        finally:
            with self._moved:
                self._inside -= pixels
                self._moved.notify_all()

    def _has_room(self, pixels: int) -> bool:
        return not self._inside or self._inside + pixels <= self._budget
