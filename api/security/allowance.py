"""How many bytes a key may upload in a day (UTC): counted as they come in, kept in the records."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from anyio import CancelScope, CapacityLimiter, Lock, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Refused
from rag.build import Olhar
from rag.records.types import Key

THREADS: Final = 4


@dataclass(slots=True)
class _Spent:
    """What a key has sent today, kept while an upload of it is under way.

    ``unwritten``: bytes of ``total`` that are not in the records yet. ``day``: that of the total, as
    ``Uploaded.day`` counts; what is written down after midnight counts as the new day's.
    """

    day: int
    total: int = 0
    unwritten: int = 0
    uploads: int = 0
    records: Lock = field(default_factory=Lock)

    def came(self, size: int, day: int) -> None:
        self._turn(day)
        self.total += size
        self.unwritten += size

    def known(self, written: int, day: int) -> None:
        """So many are in the records, also from other servers."""
        self._turn(day)
        self.total = max(self.total, written + self.unwritten)

    def _turn(self, day: int) -> None:
        if day != self.day:
            self.day, self.total = day, self.unwritten


class Allowance:
    """Uploads under way of a key share a total, to which those that ended stay added. For the event loop."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(THREADS)
        self._spent: dict[str, _Spent] = {}

    async def spend(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, olhar: Olhar, key: Key
    ) -> None:
        """Let ``app`` read the body; beyond what the key may send today, reading raises Refused (429).

        What came in counts, also of an upload that is refused.
        """
        own = key.upload_bytes_per_day
        limit = olhar.settings.upload_bytes_per_day if own is None else own
        uploaded = olhar.records.uploaded
        spent = self._spent.setdefault(key.prefix, _Spent(uploaded.day()))
        spent.uploads += 1
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            size = len(message.get("body", b""))
            seen += size
            spent.came(size, uploaded.day())
            if limit and spent.total > limit:
                raise _refused(key, limit, uploaded.seconds_left())
            return message

        try:
            if limit:
                await self._read(spent, olhar, key.prefix)
            await app(scope, counted, send)
        finally:
            try:
                if seen:
                    with CancelScope(shield=True):
                        await self._write(spent, olhar, key.prefix, seen)
            finally:
                spent.uploads -= 1
                if not spent.uploads:
                    self._spent.pop(key.prefix, None)

    # One at a time for a key: else bytes that are just written down would count twice, or not at all.
    async def _read(self, spent: _Spent, olhar: Olhar, key: str) -> None:
        async with spent.records:
            uploaded = olhar.records.uploaded
            day = uploaded.day()
            spent.known(await to_thread.run_sync(uploaded.today, key, limiter=self._threads), day)

    async def _write(self, spent: _Spent, olhar: Olhar, key: str, seen: int) -> None:
        async with spent.records:
            await to_thread.run_sync(olhar.records.uploaded.add, key, seen, limiter=self._threads)
            spent.unwritten -= seen


def _refused(key: Key, limit: int, seconds: float) -> Refused:
    return Refused(
        429,
        f"the key {key.prefix} may upload {limit:,} bytes a day (UTC); go on tomorrow, or have the number "
        "raised (OLHAR_UPLOAD_BYTES_PER_DAY, or the key's own)",
        "too-many-bytes",
        {"retry-after": str(math.ceil(seconds))},
    )
