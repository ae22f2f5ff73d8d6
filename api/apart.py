"""Threads of their own for work that may take long: nothing else that is asked for waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

from api.turns import Turns

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

ENCODING: Final = 40
"""What comes at the same time is encoded together: as many as would come to a GPU's batch."""
RERANKING: Final = 8
"""A reranker may take seconds for one request, and does a few at a time itself."""
FETCHING: Final = 16
"""Pictures are fetched from hosts that answer as slowly as they like."""
HEARING: Final = 2
"""Sounds of questions are decoded, each in a process of its own that keeps a core busy."""
HEARING_NEXT: Final = 8
"""Sounds that wait for that; the last of them for a few times OLHAR_DECODE_SECONDS at worst."""


class Threads:
    """At most so many at a time; the rest wait in their order."""

    def __init__(self, most: int) -> None:
        self._limiter = CapacityLimiter(most)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``work`` gives, in a thread. Raises what it raises."""
        return await to_thread.run_sync(work, *args, limiter=self._limiter)


class Bounded(Threads):
    """The same, with a bound on those who wait: whoever comes then is refused. ``what`` and ``remedy`` are
    those of ``Turns``."""

    def __init__(self, most: int, waiting: int, what: str, remedy: str) -> None:
        super().__init__(most)
        self._turns = Turns(most, waiting, what, remedy)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """As that of ``Threads``. Raises Busy when too many wait already."""
        async with self._turns.taken():
            return await super().run(work, *args)


class Apart:
    """The threads for each kind of such work."""

    def __init__(self) -> None:
        self.encoding = Threads(ENCODING)
        self.reranking = Threads(RERANKING)
        self.fetching = Threads(FETCHING)
        self.hearing = Bounded(HEARING, HEARING_NEXT, "sounds are being read", "OLHAR_DECODE_SECONDS")
