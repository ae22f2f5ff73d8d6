"""Who searches now, so that what can wait lets searches go first. A leaf: nothing is imported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

PAUSE_S: Final = 0.25
"""One search after the other counts as one: so long after the last, the next one may still come."""


class Searches:
    """Those of this process, which share its processors. Safe for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way = 0
        self._last = -PAUSE_S
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """A search, until the block ends."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                self._last = self._clock()

    def busy(self) -> bool:
        """Whether somebody searches, or did a moment ago."""
        return self._under_way > 0 or self._clock() - self._last < PAUSE_S


SEARCHES: Final = Searches()
