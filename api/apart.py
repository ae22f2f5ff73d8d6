"""Threads of their own for work that may take long: nothing else that is asked for waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

ENCODING: Final = 40
"""What comes at the same time is encoded together: as many as would come to a GPU's batch."""
RERANKING: Final = 8
"""A reranker may take seconds for one request, and does a few at a time itself."""
FETCHING: Final = 16
"""Pictures are fetched from hosts that answer as slowly as they like."""


class Threads:
    """At most so many at a time; the rest wait in their order."""

    def __init__(self, most: int) -> None:
        self._limiter = CapacityLimiter(most)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``work`` gives, in a thread. Raises what it raises."""
        return await to_thread.run_sync(work, *args, limiter=self._limiter)


class Apart:
    """The threads for each kind of such work."""

    def __init__(self) -> None:
        self.encoding = Threads(ENCODING)
        self.reranking = Threads(RERANKING)
        self.fetching = Threads(FETCHING)
