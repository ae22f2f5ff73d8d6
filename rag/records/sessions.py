"""Sessions: what a key is exchanged for, so that a web page need not keep it. Kept hashed, as keys are."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sqlalchemy import delete, insert, select

from rag.errors import Conflict
from rag.records.database import Database
from rag.records.keys import COLUMNS, hashed, key_of
from rag.records.schema import keys, sessions
from rag.records.types import Let


class Sessions:
    """The sessions of all keys. One ends with its time, and with its key."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def open(self, let: Let, seconds: float) -> tuple[str, float]:
        """A new session and when it ends, no later than what let the key in. It has 256 random bits.

        ``let`` may have been found a moment ago: raises Conflict if the key was rotated or revoked since.
        """
        now = self._clock()
        until = now + seconds if let.until is None else min(now + seconds, let.until)
        secret = secrets.token_hex(32)
        # Held until the session is there: a rotation at the same time then ends this session too.
        mine = select(keys).where(keys.c.prefix == let.key.prefix).with_for_update()
        with self._database.writing() as connection:
            row = connection.execute(mine).mappings().one_or_none()
            if row is None or (row["rotated_at"], row["revoked_at"]) != (let.key.rotated_at, None):
                raise Conflict(f"the key {let.key.prefix} was rotated or revoked just now; send it anew")
            connection.execute(delete(sessions).where(sessions.c.until <= now))
            made = {"hash": hashed(secret), "key": let.key.prefix, "until": until}
            connection.execute(insert(sessions).values(**made))
        return secret, until

    def check(self, secret: str) -> Let | None:
        """The key of a session, if both are good now."""
        asked = select(*COLUMNS, sessions.c.until).join(keys, keys.c.prefix == sessions.c.key)
        with self._database.reading() as connection:
            found = connection.execute(asked.where(sessions.c.hash == hashed(secret)))
            row = found.mappings().one_or_none()
        if row is None:
            return None
        let = Let(key_of(row), row["until"])
        return let if let.good(self._clock()) else None

    def close(self, secret: str) -> None:
        """It ends now."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.hash == hashed(secret)))
