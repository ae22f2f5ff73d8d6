"""Keys and sessions by their secret, looked up in the records and remembered for a moment."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from anyio import CapacityLimiter, to_thread

from rag.build import Olhar
from rag.errors import RecordsUnavailable
from rag.records.keys import hashed
from rag.records.types import Let

FRESH_S: Final = 2.0
"""So long is believed what was found: a key that is revoked elsewhere may work so much longer."""
KNOWN_S: Final = 3600.0
MOST: Final = 1024
USED_S: Final = 60.0
"""A key's last use is put down as often."""
THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class _Found:
    """``age``: how often something had changed when it was looked up."""

    let: Let
    at: float
    age: int


class Keyring:
    """For the event loop; the records are asked in threads of its own, which slow requests do not take."""

    def __init__(
        self,
        olhar: Olhar,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._olhar = olhar
        self._clock = clock
        self._elapsed = elapsed
        self._threads = CapacityLimiter(THREADS)
        self._found: OrderedDict[str, _Found] = OrderedDict()
        self._age = 0

    async def key(self, secret: str) -> Let | None:
        """The key with this secret, if it is good. Raises RecordsUnavailable."""
        return await self._find(secret, lambda: self._used(self._olhar.records.keys.check(secret)))

    async def session(self, secret: str) -> Let | None:
        """The key of this session, if both are good. Raises RecordsUnavailable."""
        return await self._find(secret, lambda: self._used(self._olhar.records.sessions.check(secret)))

    def knows(self, secret: str) -> bool:
        """Whether it was good within the last hour."""
        found = self._found.get(hashed(secret))
        return found is not None and self._elapsed() - found.at < KNOWN_S

    def forget(self) -> None:
        """Ask the records again: something has changed. Who was good lately is still known.

        What is being looked up now may be of before, and is not believed later either.
        """
        self._age += 1

    async def _find(self, secret: str, look: Callable[[], Let | None]) -> Let | None:
        name = hashed(secret)  # the secret itself is not kept, not even here
        found = self._found.get(name)
        if found is not None and found.age == self._age and self._elapsed() - found.at < FRESH_S:
            return found.let if found.let.good(self._clock()) else None
        age = self._age
        let = await to_thread.run_sync(look, limiter=self._threads)
        self._found.pop(name, None)
        if let is not None:
            self._found[name] = _Found(let, self._elapsed(), age)
            if len(self._found) > MOST:
                self._found.popitem(last=False)
        return let

    def _used(self, let: Let | None) -> Let | None:
        if let is not None and (let.key.used_at is None or self._clock() - let.key.used_at >= USED_S):
            with suppress(RecordsUnavailable):  # no reason to turn anybody away
                self._olhar.records.keys.used(let.key.prefix)
        return let
