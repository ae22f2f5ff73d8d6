"""How long each stage takes. These figures depend on the machine, and on what else it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """``each_ms`` is the mean over ``count`` pictures, texts or queries that went through together."""

    count: int
    seconds: float
    each_ms: float


class Stopwatch:
    """Adds up the time of named stages."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._stages: dict[str, tuple[int, float]] = {}

    @contextmanager
    def timing(self, stage: str, count: int) -> Iterator[None]:
        """The body's time goes to ``stage``, for ``count`` more of what it works on."""
        started = self._clock()
        yield
        self.add(stage, count, self._clock() - started)

    def add(self, stage: str, count: int, seconds: float) -> None:
        before = self._stages.get(stage, (0, 0.0))
        self._stages[stage] = (before[0] + count, before[1] + seconds)

    def stages(self) -> Mapping[str, Stage]:
        """In the order in which they were first entered."""
        return {
            name: Stage(count, round(seconds, 3), round(seconds * 1e3 / max(1, count), 3))
            for name, (count, seconds) in self._stages.items()
        }
