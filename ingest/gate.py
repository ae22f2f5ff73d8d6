"""Who may be in flight at the same time: many at once, or one alone."""

from __future__ import annotations

import threading


class Gate:
    """Lets many through together, or one that has to be alone. Whoever wants to be alone goes first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._wanting = 0

    def enter(self, *, alone: bool) -> None:
        """Wait until one may go in: beside others, or with nobody beside."""
        with self._changed:
            if alone:
                self._wanting += 1
                self._changed.wait_for(lambda: not self._inside)
                self._wanting -= 1
                self._alone = True
            else:
                self._changed.wait_for(lambda: not self._alone and not self._wanting)
            self._inside += 1

    def leave(self) -> None:
        """Say that one is out again."""
        with self._changed:
            self._inside -= 1
            self._alone = False
            self._changed.notify_all()
