"""Looking after a tenant's keys, and reading its audit log: one object behind the routes and the commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from api.key_schemas import AuditEntryOut, AuditOut, KeyIn, KeyOut, KeysOut, MadeKeyOut, RotateIn
from rag.records.records import Records

DAY_S: Final = 86_400
HOUR_S: Final = 3600


class KeyDesk:
    """The keys and the audit log of one tenant. ``changed`` is told when what was known of keys is old."""

    def __init__(
        self,
        records: Records,
        tenant: str,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._tenant = tenant
        self._changed = changed
        self._clock = clock

    def create(self, wanted: KeyIn) -> MadeKeyOut:
        """A new key, with its secret."""
        now, days = self._clock(), wanted.expires_in_days
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
