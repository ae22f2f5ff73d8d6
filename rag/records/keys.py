"""Keys of tenants: made, found by their secret, rotated, revoked. Secrets are shown once and kept hashed.

A secret has 256 random bits, so one SHA-256 of it is enough: there is nothing to guess that a slow hash, as
for passwords, would protect, and every request has to be checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from rag.errors import Conflict, NotFound
from rag.records.database import Database
from rag.records.schema import keys, sessions
from rag.records.types import RIGHTS, Key, Let, Right

MARK: Final = "olhar_"
"""Begins every secret, so that one that was published by mistake is found."""
SECRET: Final = re.compile(rf"({MARK}[0-9a-f]{{8}})_[0-9a-f]{{64}}")
COLUMNS: Final = tuple(keys.c[field.name] for field in fields(Key))


def hashed(secret: str) -> str:
    """SHA-256 of a secret with enough random bits, in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Keys:
    """The keys of all tenants. Whoever asks for one names the tenant."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def create(
        self,
        tenant: str,
        name: str,
        rights: Sequence[Right],
        *,
        expires_at: float | None = None,
        requests_per_minute: int | None = None,
        upload_bytes_per_day: int | None = None,
    ) -> tuple[Key, str]:
        """A new key and its secret, which nobody can show again."""
        key = Key(
            prefix=MARK + secrets.token_hex(4),
            tenant=tenant,
            name=name,
            rights=tuple(right for right in RIGHTS if right in rights),
            created_at=self._clock(),
            expires_at=expires_at,
            requests_per_minute=requests_per_minute,
            upload_bytes_per_day=upload_bytes_per_day,
        )
        secret = _secret(key.prefix)
        values = {field.name: getattr(key, field.name) for field in fields(Key)}
        values |= {"rights": list(key.rights), "hash": hashed(secret), "old_hash": ""}
        with self._database.writing() as connection:
            connection.execute(insert(keys).values(**values))
        return key, secret

    def of(self, tenant: str) -> list[Key]:
        """The tenant's keys, oldest first, revoked and expired ones too."""
        asked = select(*COLUMNS).where(keys.c.tenant == tenant).order_by(keys.c.created_at, keys.c.prefix)
        with self._database.reading() as connection:
            return [key_of(row) for row in connection.execute(asked).mappings()]

    def get(self, tenant: str, prefix: str) -> Key:
        """Raises NotFound."""
        with self._database.reading() as connection:
            return self._get(connection, tenant, prefix)

    def check(self, secret: str) -> Let | None:
        """The key that has this secret, if it is good now."""
        form = SECRET.fullmatch(secret)
        if form is None:
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(keys).where(keys.c.prefix == form[1])).mappings().one_or_none()
        if row is None:
            return None
        given, now = hashed(secret), self._clock()
        is_new = hmac.compare_digest(given, row["hash"])
        is_old = hmac.compare_digest(given, row["old_hash"])
        let = Let(key_of(row), row["old_until"] if is_old and not is_new else row["expires_at"])
        return let if (is_new or is_old) and let.good(now) else None

    def any_good(self) -> bool:
        """Whether anybody could be let in at all."""
        late = or_(keys.c.expires_at.is_(None), keys.c.expires_at > self._clock())
        asked = select(keys.c.prefix).where(keys.c.revoked_at.is_(None) & late).limit(1)
        with self._database.reading() as connection:
            return connection.execute(asked).first() is not None

    def used(self, prefix: str) -> None:
        """It was used now."""
        with self._database.writing() as connection:
            connection.execute(update(keys).where(keys.c.prefix == prefix).values(used_at=self._clock()))

    def rotate(self, tenant: str, prefix: str, *, grace: float) -> tuple[Key, str]:
        """A new secret for the key; the one of before, and sessions of it, end after ``grace`` seconds.

        A secret of before that one ends now. Raises NotFound, and Conflict for a key that is not good.
        """
        secret = _secret(prefix)
        with self._database.writing() as connection:
            now = self._clock()
            if not self._get(connection, tenant, prefix).good(now):
                raise Conflict(f"the key {prefix} was revoked or has expired; make another")
            mine = _mine(tenant, prefix)
            row = connection.execute(select(keys.c.hash).where(mine)).one()
            new = {"hash": hashed(secret), "old_hash": row.hash, "old_until": now + grace, "rotated_at": now}
            connection.execute(update(keys).where(mine).values(**new))
            theirs = and_(sessions.c.key == prefix, sessions.c.until > now + grace)
            connection.execute(update(sessions).where(theirs).values(until=now + grace))
            return self._get(connection, tenant, prefix), secret

    def revoke(self, tenant: str, prefix: str) -> Key:
        """The key is good for nothing from now on. Raises NotFound."""
        with self._database.writing() as connection:
            mine = _mine(tenant, prefix) & keys.c.revoked_at.is_(None)
            connection.execute(update(keys).where(mine).values(revoked_at=self._clock()))
            return self._get(connection, tenant, prefix)

    def _get(self, connection: Connection, tenant: str, prefix: str) -> Key:
        row = connection.execute(select(*COLUMNS).where(_mine(tenant, prefix))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"there is no key {prefix!r}; `olhar keys list` shows them")
        return key_of(row)


def _mine(tenant: str, prefix: str) -> ColumnElement[bool]:
    return (keys.c.tenant == tenant) & (keys.c.prefix == prefix)


def _secret(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(32)}"


def key_of(row: Mapping[Any, Any]) -> Key:
    """The key in a row that has its columns, others too."""
    values = {field.name: row[field.name] for field in fields(Key)}
    return Key(**{**values, "rights": tuple(values["rights"])})
