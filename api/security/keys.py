"""Looking after a tenant's keys, and reading its audit log: one object behind the routes and the commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from api.key_schemas import AuditEntryOut, AuditOut, KeyIn, KeyOut, KeysOut, MadeKeyOut, RotateIn
from rag.errors import InvalidInput
from rag.records.records import Records
from rag.records.types import Key
from rag.settings import Settings

DAY_S: Final = 86_400
HOUR_S: Final = 3600
NUMBERS: Final = ("requests_per_minute", "upload_bytes_per_day")


class Own:
    """The key at work: no key that it makes may more than it. ``settings``: the server's limits."""

    def __init__(self, key: Key, settings: Settings) -> None:
        self._key = key
        self._settings = settings

    def bound(self, wanted: KeyIn, now: float) -> KeyIn:
        """What is left out is as this key has it. Raises InvalidInput for what goes beyond."""
        least = {name: self._number(name, getattr(wanted, name)) for name in NUMBERS}
        return wanted.model_copy(update=least | {"expires_in_days": self._days(wanted.expires_in_days, now)})

    def _number(self, name: str, asked: int | None) -> int | None:
        own: int | None = getattr(self._key, name)
        limit: int = getattr(self._settings, name) if own is None else own
        if asked is None:
            return own
        if limit and not 0 < asked <= limit:
            raise self._beyond(f"{name} is at most {limit:,}")
        return asked

    def _days(self, asked: float | None, now: float) -> float | None:
        if self._key.expires_at is None:
            return asked
        left = (self._key.expires_at - now) / DAY_S
        if asked is not None and asked > left:
            raise self._beyond(f"expires_in_days is at most {left:.3f}")
        return left if asked is None else asked

    def _beyond(self, limit: str) -> InvalidInput:
        return InvalidInput(
            f"{limit} for keys that {self._key.prefix} makes, as for itself; `olhar keys create` on the "
            "server's machine makes others"
        )


class KeyDesk:
    """The keys and the audit log of one tenant. ``changed`` is told when what was known of keys is old.

    ``own``: the key at work, which bounds those that are made; None: whoever has the records.
    """

    def __init__(
        self,
        records: Records,
        tenant: str,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        *,
        own: Own | None = None,
    ) -> None:
        self._own = own
        self._records = records
        self._tenant = tenant
        self._changed = changed
        self._clock = clock

    def create(self, wanted: KeyIn) -> MadeKeyOut:
        """A new key, with its secret. Raises InvalidInput for one that may more than ``own``."""
        now = self._clock()
        wanted = self._own.bound(wanted, now) if self._own else wanted
        days = wanted.expires_in_days
        key, secret = self._records.keys.create(
            self._tenant,
            wanted.name,
            wanted.scopes,
            expires_at=None if days is None else now + days * DAY_S,
            requests_per_minute=wanted.requests_per_minute,
            upload_bytes_per_day=wanted.upload_bytes_per_day,
        )
        return MadeKeyOut.made(key, now, secret)

    def list(self) -> KeysOut:
        """All of them, revoked and expired ones too."""
        now = self._clock()
        return KeysOut(keys=[KeyOut.of(key, now) for key in self._records.keys.of(self._tenant)])

    def rotate(self, prefix: str, wanted: RotateIn) -> MadeKeyOut:
        """A new secret; the one of before is good for its grace. Raises NotFound and Conflict."""
        grace = wanted.grace_hours * HOUR_S
        key, secret = self._records.keys.rotate(self._tenant, prefix, grace=grace)
        self._changed()
        return MadeKeyOut.made(key, self._clock(), secret)

    def revoke(self, prefix: str) -> KeyOut:
        """Good for nothing from now on. Raises NotFound."""
        key = self._records.keys.revoke(self._tenant, prefix)
        self._changed()
        return KeyOut.of(key, self._clock())

    def audit(self, *, limit: int = 100, before: int | None = None, key: str = "") -> AuditOut:
        """Entries, newest first; those before the entry ``before``, of one key or all."""
        found = self._records.audit.latest(self._tenant, limit=limit, before=before, key=key)
        more = found[-1].id if len(found) == limit else None
        return AuditOut(entries=[AuditEntryOut.of(entry) for entry in found], next=more)
