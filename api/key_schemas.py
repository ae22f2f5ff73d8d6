"""The JSON shapes of keys, sessions and the audit log, the same over HTTP and with ``--json``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from api.query_schemas import Body, Text
from rag.records.types import AuditEntry, Key, Right

MOST_PER_MINUTE = 10**6
MOST_BYTES = 2**50


class KeyIn(Body):
    """A key to be made. Numbers that are left out are those of the server's settings; 0 is no limit.

    Over HTTP they are at most those of the key that makes it, and what is left out is as that one has it.
    """

    name: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    scopes: list[Right] = Field(min_length=1, max_length=3)
    expires_in_days: Annotated[float, Field(gt=0, le=36_500)] | None = None
    requests_per_minute: Annotated[int, Field(ge=0, le=MOST_PER_MINUTE)] | None = None
    upload_bytes_per_day: Annotated[int, Field(ge=0, le=MOST_BYTES)] | None = None


class RotateIn(Body):
    """For how long the secret of before is good too."""

    grace_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 24.0


class KeyOut(BaseModel):
    """A key without its secret. Times are Unix seconds; ``good``: neither revoked nor expired.

    ``used_at`` is right to the minute. ``old_until``: until then the secret of before is good too.
    """

    prefix: str
    tenant: str
    name: str
    scopes: list[Right]
    good: bool
    created_at: float
    rotated_at: float | None
    old_until: float | None
    expires_at: float | None
    revoked_at: float | None
    used_at: float | None
    requests_per_minute: int | None
    upload_bytes_per_day: int | None

    @classmethod
    def of(cls, key: Key, now: float) -> KeyOut:
        return cls.model_validate(_fields(key, now))


class MadeKeyOut(KeyOut):
    """A key and its secret, which is shown this once."""

    secret: str

    @classmethod
    def made(cls, key: Key, now: float, secret: str) -> MadeKeyOut:
        return cls.model_validate(_fields(key, now) | {"secret": secret})


class KeysOut(BaseModel):
    """The tenant's keys, oldest first."""

    keys: list[KeyOut]


class SessionOut(BaseModel):
    """Who asks. ``key``: the prefix of the key, empty where none is asked for.

    ``csrf``: what a page sends as ``X-CSRF-Token`` to change something, empty without a session.
    ``expires_at``: when key or session ends (Unix seconds), null: never.
    """

    tenant: str
    scopes: list[Right]
    key: str
    csrf: str
    expires_at: float | None


class AuditEntryOut(BaseModel):
    """Something that was to be changed. ``status``: of the HTTP answer; null: nobody knows how it ended."""

    id: int
    at: float
    tenant: str
    key: str
    operation: str
    path: str
    collection: str
    target: str
    address: str
    request_id: str
    status: int | None

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditEntryOut:
        return cls.model_validate({name: getattr(entry, name) for name in cls.model_fields})


class AuditOut(BaseModel):
    """Entries, newest first; ``next`` is what ``before`` takes for more, null at the end."""

    entries: list[AuditEntryOut]
    next: int | None


def _fields(key: Key, now: float) -> dict[str, object]:
    same = KeyOut.model_fields.keys() - {"scopes", "good"}
    return {name: getattr(key, name) for name in same} | {"scopes": key.rights, "good": key.good(now)}
