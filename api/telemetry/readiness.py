"""Whether a server can do its work now: each part looked at in bounded time, and not all too often."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from anyio import CapacityLimiter, to_thread

from rag.errors import OlharError

Check: TypeAlias = Callable[[], Mapping[str, str]]
State: TypeAlias = Literal["ok", "failed"]
FRESH_S: Final = 3.0
"""So long the last look is given again: probes, however many, cannot keep the parts busy."""
PATIENCE_S: Final = 2.0
logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it was found: its state, the milliseconds that it took to say so, and why not, or what it
    tells of itself."""

    state: State
    ms: float
    reason: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


class Readiness:
    """Looks at all parts together. ``checks`` raise what is wrong; made within an event loop or before it.

    No part is looked at while its last look still runs: one that hangs costs one thread, however often it is
    asked for.
    """

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock = clock
        self._threads = CapacityLimiter(len(checks))  # of their own: slow requests do not hold them up
        self._looks: dict[str, asyncio.Task[Part]] = {}
        self._looking: asyncio.Task[Mapping[str, Part]] | None = None
        self._at = -float("inf")
        self.last: Mapping[str, Part] = {}

    async def parts(self, fresh_s: float | None = None) -> Mapping[str, Part]:
        """As they were found at most ``fresh_s`` ago (unset: ``FRESH_S``). Who comes while they are looked at
        waits for that."""
        if self._clock() - self._at < (FRESH_S if fresh_s is None else fresh_s):
            return self.last
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Mapping[str, Part]:
        found = await asyncio.gather(*map(self._part, self._checks))
        self.last, self._at = dict(zip(self._checks, found, strict=True)), self._clock()
        return self.last

    async def _part(self, part: str) -> Part:
        look = self._looks.get(part)
        if look is None or look.done():
            # Waited for, but not given up with the waiting: a thread that hangs stays known.
            look = self._looks[part] = asyncio.create_task(self._thread(self._checks[part]))
            await asyncio.wait({look}, timeout=PATIENCE_S)
        if look.done():
            return look.result()
        return Part("failed", PATIENCE_S * 1e3, f"no answer within {PATIENCE_S:g} s")

    async def _thread(self, check: Check) -> Part:
        # Abandoned only at the end of the process, which does not wait for it.
        return await to_thread.run_sync(self._found, check, limiter=self._threads, abandon_on_cancel=True)

    def _found(self, check: Check) -> Part:
        started = self._clock()
        try:
            detail = check()
            return Part("ok", self._since(started), detail=detail)
        except OlharError as error:
            reason = str(error)
        except Exception:  # it has to be told, above all when something is broken
            logger.exception("a part broke while it was checked")
            reason = "it broke; the server's log says how"
        return Part("failed", self._since(started), reason)

    def _since(self, started: float) -> float:
        return round((self._clock() - started) * 1e3, 1)


def status(parts: Mapping[str, Part], needed: Sequence[str]) -> Literal["ready", "degraded", "unready"]:
    """``unready`` while one that is needed is away; ``degraded`` while another is."""
    away = {part for part, found in parts.items() if found.state != "ok"}
    if away & set(needed):
        return "unready"
    return "degraded" if away else "ready"
