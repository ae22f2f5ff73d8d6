"""The audit log: what was to be changed, put down before it was begun, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from sqlalchemy import delete, insert, select, update

from rag.records.database import Database
from rag.records.schema import audit
from rag.records.types import AuditEntry

COLUMNS = tuple(audit.c[field.name] for field in fields(AuditEntry))


class Audit:
    """Entries of all tenants. Whoever reads them names the tenant."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def begin(
        self,
        tenant: str,
        operation: str,
        path: str,
        *,
        key: str = "",
        collection: str = "",
        target: str = "",
        address: str = "",
        request_id: str = "",
    ) -> int:
        """Put down that this is begun now; the entry's id."""
        made = insert(audit).values(
            at=self._clock(),
            tenant=tenant,
            key=key,
            operation=operation,
            path=path,
            collection=collection,
            target=target,
            address=address,
            request_id=request_id,
        )
        with self._database.writing() as connection:
            number: int = connection.execute(made.returning(audit.c.id)).scalar_one()
        return number

    def end(self, number: int, status: int, target: str = "") -> None:
        """It ended with this HTTP status; ``target`` is what was made, where that was not known before."""
        ended = {"status": status} | ({"target": target} if target else {})
        with self._database.writing() as connection:
            connection.execute(update(audit).where(audit.c.id == number).values(**ended))

    def latest(
        self, tenant: str, *, limit: int = 100, before: int | None = None, key: str = ""
    ) -> list[AuditEntry]:
        """The tenant's entries, newest first; those before the entry ``before``, of one key or all."""
        asked = select(*COLUMNS).where(audit.c.tenant == tenant).order_by(audit.c.id.desc()).limit(limit)
        asked = asked if before is None else asked.where(audit.c.id < before)
        asked = asked.where(audit.c.key == key) if key else asked
        with self._database.reading() as connection:
            return [AuditEntry(*row) for row in connection.execute(asked)]

    def forget(self, seconds: float) -> int:
        """Delete what is older; how many entries."""
        with self._database.writing() as connection:
            old = audit.c.at < self._clock() - seconds
            return int(connection.execute(delete(audit).where(old)).rowcount)
