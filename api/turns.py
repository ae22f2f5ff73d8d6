"""Who may have a search or an answer now: a few at a time, some waiting, the rest told to come back.

A queue that is always full makes all wait and serves no more; one that fills now and then serves those who
come together, as the searches of one page do. So a short queue is for every day, and a longer one for who
comes after some calm.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import anyio

from rag.build import COMPACT
from rag.errors import Busy
from rag.settings import Settings

REMEMBERED: Final = 15
"""Turns whose median tells how long one takes: the first is often slow, since something is loaded then."""
BURST: Final = 16
"""Searches that may wait beyond the usual ones after some calm. Each uses up one of these places."""
REGAINED_PER_S: Final = 2.0
"""Places of ``BURST`` that come back in each second in which nobody is here."""
SOON_S: Final = 2.0
"""A place of ``BURST`` is given only to those whose turn should be over so soon."""


@dataclass(slots=True)
class Turn:
    """``whole``: what was to be done was done, so that it tells how long that takes."""

    whole: bool = True


class Turns:
    """``running`` at a time and ``waiting`` more in their order; whoever comes then is refused.

    ``what`` and ``remedy`` are told to them: what is being done for others, and the settings that bound it;
    and in how many seconds those that are here should be through, by how long turns took of late.
    ``burst`` more may wait who come together after some calm: each uses up one of these places, and every
    second in which nobody is here gives back two.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        what: str,
        remedy: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        burst: int = 0,
    ) -> None:
        self._clock = clock
        self._burst = burst
        self._spare = float(burst)
        self._calm_since = clock()
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._running = running
        self._limiter = anyio.CapacityLimiter(running)
        self._began: dict[object, float] = {}
        self._most = running + waiting
        self._here = 0
        self._what = what
        self._remedy = remedy

    @property
    def running(self) -> int:
        """How many have their turn."""
        return self._limiter.borrowed_tokens

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return self._here - self.running

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Turn]:
        """A turn, until the block ends. Raises Busy when too many wait already."""
        self._come()
        try:
            # Each waits in its own name: one task may hold several turns.
            me = object()
            await self._limiter.acquire_on_behalf_of(me)
            turn = Turn()
            self._began[me] = self._clock()
            try:
                yield turn
            except BaseException:
                turn.whole = False
                raise
            finally:
                self._limiter.release_on_behalf_of(me)
                took = self._clock() - self._began.pop(me)
                if turn.whole:
                    self._took.append(took)
        finally:
            self._here -= 1
            if not self._here:
                self._calm_since = self._clock()

    def _come(self) -> None:
        if not self._here:
            calm = self._clock() - self._calm_since
            self._spare = min(self._spare + REGAINED_PER_S * calm, self._burst)
        if self._here >= self._most:
            usual = statistics.median(self._took) if self._took else None
            if self._spare < 1 or self._through(max(usual or 0.0, self._oldest())) > SOON_S:
                raise Busy(
                    f"{self._here} {self._what} or wait for it; ask again later ({self._remedy})",
                    None if usual is None else self._through(usual),
                )
            self._spare -= 1
        self._here += 1

    def _through(self, each: float) -> float:
        """In how many seconds those that are here should be through."""
        return each * self._here / self._running

    def _oldest(self) -> float:
        """How long the longest turn under way takes so far, in seconds."""
        return max((self._clock() - began for began in self._began.values()), default=0.0)


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


def of_answers(settings: Settings) -> Turns:
    """For the language model."""
    remedy = "OLHAR_LLM_ANSWERS, OLHAR_LLM_WAITING"
    return Turns(settings.llm_answers, settings.llm_waiting, "questions are being answered", remedy)


def of_searches(settings: Settings) -> Turns:
    """For encoder and Milvus. More at a time find no more a second, and each waits longer.

    A file is searched by this process, in which one thread at a time runs Python. Slower encoders and a
    reranker leave it time for another search. A number that was set bounds them at all times.
    """
    alone = settings.store_is_file and settings.encoder == COMPACT and settings.reranker == "none"
    most = settings.searches or (1 if alone else os.cpu_count() or 1)
    burst = 0 if settings.searches else BURST
    return Turns(most, most, "searches are under way", "OLHAR_SEARCHES", burst=burst)
