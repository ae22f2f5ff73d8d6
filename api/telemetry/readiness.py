"""Whether a server can do its work now: each part looked at in bounded time, and not all too often."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import anyio
from anyio import CapacityLimiter, to_thread

from rag.errors import OlharError

Check: TypeAlias = Callable[[], object]
State: TypeAlias = Literal["ok", "failed"]
FRESH_S: Final = 3.0
"""So long the last look is given again: probes, however many, cannot keep the parts busy."""
PATIENCE_S: Final = 2.0
logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it was found: its state, the milliseconds that it took to say so, and why not."""

    state: State
    ms: float
    reason: str = ""


class Readiness:
    """Looks at all parts together. ``checks`` raise what is wrong; made within an event loop or before it."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock = clock
        # Of their own for each part: one that hangs holds up neither the others nor requests.
        self._threads = {part: CapacityLimiter(2) for part in checks}
        self._looking: asyncio.Task[Mapping[str, Part]] | None = None
        self._at = -float("inf")
        self.last: Mapping[str, Part] = {}

    async def parts(self) -> Mapping[str, Part]:
        """As they were found at most a moment ago. Who comes while they are looked at waits for that."""
        if self._clock() - self._at < FRESH_S:
            return self.last
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Mapping[str, Part]:
        found = await asyncio.gather(*(self._part(part, check) for part, check in self._checks.items()))
        self.last, self._at = dict(zip(self._checks, found, strict=True)), self._clock()
        return self.last

    async def _part(self, part: str, check: Check) -> Part:
        started, state, reason = self._clock(), "failed", ""
        try:
            with anyio.fail_after(PATIENCE_S):
                await to_thread.run_sync(check, limiter=self._threads[part], abandon_on_cancel=True)
            state = "ok"
        except TimeoutError:
            reason = f"no answer within {PATIENCE_S:g} s"
        except OlharError as error:
            reason = str(error)
        except Exception:  # it has to be told, above all when something is broken
            logger.exception("a part broke while its readiness was checked")
            reason = "it broke; the server's log says how"
        ms = round((self._clock() - started) * 1e3, 1)
        return Part("ok" if state == "ok" else "failed", ms, reason)


def status(parts: Mapping[str, Part], needed: Sequence[str]) -> Literal["ready", "degraded", "unready"]:
    """``unready`` while one that is needed is away; ``degraded`` while another is."""
    away = {part for part, found in parts.items() if found.state != "ok"}
    if away & set(needed):
        return "unready"
    return "degraded" if away else "ready"
