"""How many bytes a key may upload in a day (UTC): counted as they come in, kept in the records."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Refused
from rag.build import Olhar
from rag.records.types import Key

THREADS: Final = 4


class Allowance:
    """Uploads under way of each key count too. For the event loop."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(THREADS)
        self._coming: Counter[str] = Counter()

    async def spend(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, olhar: Olhar, key: Key
    ) -> None:
        """Let ``app`` read the body; beyond what the key may send today, reading raises Refused (429).

        What came in counts, also of an upload that is refused.
        """
        own = key.upload_bytes_per_day
        limit = olhar.settings.upload_bytes_per_day if own is None else own
        uploaded = olhar.records.uploaded
        before = await to_thread.run_sync(uploaded.today, key.prefix, limiter=self._threads) if limit else 0
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            size = len(message.get("body", b""))
            seen += size
            self._coming[key.prefix] += size
            if limit and before + self._coming[key.prefix] > limit:
                raise _refused(key, limit, uploaded.seconds_left())
            return message

        try:
            await app(scope, counted, send)
        finally:
            self._coming[key.prefix] -= seen
            if seen:
                with CancelScope(shield=True):
                    await to_thread.run_sync(uploaded.add, key.prefix, seen, limiter=self._threads)


def _refused(key: Key, limit: int, seconds: float) -> Refused:
    return Refused(
        429,
        f"the key {key.prefix} may upload {limit:,} bytes a day (UTC); go on tomorrow, or have the number "
        "raised (OLHAR_UPLOAD_BYTES_PER_DAY, or the key's own)",
        "too-many-bytes",
        {"retry-after": str(math.ceil(seconds))},
    )
