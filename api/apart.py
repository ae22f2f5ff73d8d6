"""Threads of their own for work that may take long: nothing else that is asked for waits for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

from rag.errors import Busy

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
    """At most so many at a time; ``waiting`` more wait in their order, and whoever comes then is refused.

    ``what`` is told to them: what is being done for others.
    """

    def __init__(self, most: int, waiting: float = math.inf, what: str = "requests are under way") -> None:
        self._limiter = CapacityLimiter(most)
        self._most = most + waiting
        self._what = what
        self._here = 0

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``work`` gives, in a thread. Raises what it raises, and Busy when too many wait already."""
        if self._here >= self._most:
            raise Busy(f"{self._here} {self._what} or wait for it; ask again later")
        self._here += 1
        try:
            return await to_thread.run_sync(work, *args, limiter=self._limiter)
        finally:
            self._here -= 1


class Apart:
    """The threads for each kind of such work."""

    def __init__(self) -> None:
        self.encoding = Threads(ENCODING)
        self.reranking = Threads(RERANKING)
        self.fetching = Threads(FETCHING)
        self.hearing = Threads(HEARING, HEARING_NEXT, "sounds are being read")
