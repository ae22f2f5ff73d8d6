"""Who may have an answer written now: a few at a time, some waiting, the rest told to come back."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio

from rag.errors import Busy


class Turns:
    """``running`` at a time and ``waiting`` more in their order; whoever comes then is refused."""

    def __init__(self, running: int, waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(running)
        self._most = running + waiting
        self._here = 0

    @property
    def writing(self) -> int:
        """Answers that have their turn."""
        return self._limiter.borrowed_tokens

    @property
    def waiting(self) -> int:
        """Questions that wait for theirs."""
        return self._here - self.writing

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """A turn, until the block ends. Raises Busy when too many wait already."""
        if self._here >= self._most:
            raise Busy(
                f"{self._here} questions are being answered or wait for it; ask again later "
                "(OLHAR_LLM_ANSWERS, OLHAR_LLM_WAITING)"
            )
        self._here += 1
        try:
            # Each waits in its own name: one task may hold several turns.
            me = object()
            await self._limiter.acquire_on_behalf_of(me)
            try:
                yield
            finally:
                self._limiter.release_on_behalf_of(me)
        finally:
            self._here -= 1


_measuring = threading.Lock()


@contextmanager
def one_at_a_time(doing: str) -> Iterator[None]:
    """For what keeps the processors busy for seconds. Raises Busy while such a thing is done already."""
    if not _measuring.acquire(blocking=False):
        raise Busy(f"{doing}: another measurement is under way; ask again in some seconds")
    try:
        yield
    finally:
        _measuring.release()
