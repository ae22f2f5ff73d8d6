"""Token buckets: how many requests somebody may still send, and how long to wait for the next."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

MOST: Final = 10_000
"""Buckets that are remembered; of more, those that were used longest ago are forgotten, which fills them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was left in a bucket after a request. ``wait_s`` is 0 when the request was let through."""

    per_minute: int
    left: int
    full_in_s: float
    wait_s: float = 0.0

    @property
    def headers(self) -> Mapping[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has them, with ``Retry-After`` where one has to wait."""
        told = {
            "ratelimit-policy": f'"key";q={self.per_minute};w=60',
            "ratelimit": f'"key";r={self.left};t={math.ceil(self.full_in_s)}',
        }
        return told | ({"retry-after": str(math.ceil(self.wait_s))} if self.wait_s else {})


class Buckets:
    """A bucket for each name, full at first. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_minute: int, burst: int) -> Taken:
        """Take one of the ``burst`` tokens, which come back at ``per_minute``."""
        level = self._level(name, per_minute, burst)
        wait = 0.0 if level >= 1 else (1 - level) * 60 / per_minute
        level -= 0 if wait else 1
        self._levels[name] = (level, self._clock())
        self._levels.move_to_end(name)
        if len(self._levels) > MOST:
            self._levels.popitem(last=False)
        return Taken(per_minute, int(level), (burst - level) * 60 / per_minute, wait)

    def empty(self, name: str, per_minute: int, burst: int) -> bool:
        """Whether nothing could be taken now."""
        return name in self._levels and self._level(name, per_minute, burst) < 1

    def _level(self, name: str, per_minute: int, burst: int) -> float:
        level, at = self._levels.get(name, (float(burst), self._clock()))
        return min(float(burst), level + (self._clock() - at) * per_minute / 60)
