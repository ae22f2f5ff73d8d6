"""Keys and what they open: found by their secret alone, kept hashed, never another tenant's."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from rag.errors import BadSettings, Conflict, NotFound
from rag.records.keys import SECRET, hashed
from rag.records.records import Records
from rag.records.types import Let

from .conftest import Clock


def secrets_kept(records: Records) -> str:
    """All that the database holds of keys, sessions and the audit log."""
    with records.database.reading() as connection:
        tables = ("keys", "sessions", "audit", "uploaded")
        return str([list(connection.execute(text(f"SELECT * FROM {name}"))) for name in tables])


def test_a_key_is_found_by_its_secret_which_is_kept_nowhere(records: Records, clock: Clock) -> None:
    key, secret = records.keys.create("ana", "laptop", ["write", "read"], requests_per_minute=7)
    assert SECRET.fullmatch(secret)
    assert secret.startswith(key.prefix)
    assert (key.tenant, key.name, key.rights, key.used_at) == ("ana", "laptop", ("read", "write"), None)
    assert records.keys.check(secret) == Let(key)
    assert records.keys.of("ana") == [key]
    assert secret.removeprefix(key.prefix) not in secrets_kept(records)
    clock.now += 5
    records.keys.used(key.prefix)
    assert records.keys.get("ana", key.prefix).used_at == 1005


@pytest.mark.parametrize(
    "wrong", ["", "olhar_", "any key", "x" * 10_000, "olhar_\ud800", "olhar_" + "0" * 73]
)
def test_what_is_no_secret_opens_nothing(records: Records, wrong: str) -> None:
    _, secret = records.keys.create("ana", "laptop", ["read"])
    assert records.keys.check(wrong) is None
    assert records.keys.check(secret[:-1] + ("0" if secret[-1] != "0" else "1")) is None
    assert records.keys.check(secret + "0") is None


def test_a_key_ends_with_its_time_and_when_it_is_revoked(records: Records, clock: Clock) -> None:
    assert not records.keys.any_good()
    key, secret = records.keys.create("ana", "short", ["read"], expires_at=clock.now + 10)
    assert records.keys.any_good()
    clock.now += 10
    assert records.keys.check(secret) is None
    assert not records.keys.any_good()
    with pytest.raises(Conflict, match="expired"):
        records.keys.rotate("ana", key.prefix, grace=10)
    key, secret = records.keys.create("ana", "long", ["read"])
    assert records.keys.revoke("ana", key.prefix).revoked_at == clock.now
    assert records.keys.check(secret) is None
    clock.now += 1
    assert records.keys.revoke("ana", key.prefix).revoked_at == clock.now - 1
    assert not records.keys.any_good()


def test_the_old_secret_of_a_rotated_key_is_good_for_its_grace(records: Records, clock: Clock) -> None:
    key, first = records.keys.create("ana", "laptop", ["read"])
    opened, _ = records.sessions.open(Let(key), 1000)
    rotated, second = records.keys.rotate("ana", key.prefix, grace=60)
    assert (rotated.prefix, rotated.old_until) == (key.prefix, clock.now + 60)
    let = records.keys.check(first)
    assert let is not None
    assert let.until == clock.now + 60
    assert records.keys.check(second) == Let(rotated)
    assert records.sessions.check(opened)
    clock.now += 60
    assert records.keys.check(first) is None
    assert records.sessions.check(opened) is None
    assert records.keys.check(second)
    _, third = records.keys.rotate("ana", key.prefix, grace=0)
    assert [records.keys.check(secret) is not None for secret in (first, second, third)] == [
        False,
        False,
        True,
    ]


def test_keys_of_another_tenant_are_not_there(records: Records) -> None:
    key, secret = records.keys.create("ana", "laptop", ["admin"])
    assert records.keys.of("ben") == []
    with pytest.raises(NotFound):
        records.keys.get("ben", key.prefix)
    with pytest.raises(NotFound):
        records.keys.rotate("ben", key.prefix, grace=0)
    with pytest.raises(NotFound):
        records.keys.revoke("ben", key.prefix)
    assert records.keys.check(secret) == Let(key)


def test_a_session_ends_with_its_time_with_its_key_and_when_closed(records: Records, clock: Clock) -> None:
    key, _ = records.keys.create("ana", "laptop", ["read"], expires_at=clock.now + 100)
    first, until = records.sessions.open(Let(key, key.expires_at), 1000)
    assert until == clock.now + 100
    second, until = records.sessions.open(Let(key, key.expires_at), 10)
    assert until == clock.now + 10
    third, _ = records.sessions.open(Let(key, key.expires_at), 50)
    assert first not in secrets_kept(records)
    let = records.sessions.check(first)
    assert let is not None
    assert let.key == key
    assert records.sessions.check("nonsense") is None
    clock.now += 10
    assert records.sessions.check(second) is None
    records.sessions.close(third)
    assert records.sessions.check(third) is None
    records.keys.revoke("ana", key.prefix)
    assert records.sessions.check(first) is None


def test_a_key_that_was_rotated_or_revoked_since_it_was_found_opens_no_session(
    records: Records, clock: Clock
) -> None:
    key, old = records.keys.create("ana", "laptop", ["read"])
    found = records.keys.check(old)
    assert found is not None
    clock.now += 1
    _, new = records.keys.rotate("ana", key.prefix, grace=60)
    with pytest.raises(Conflict, match="rotated or revoked just now"):
        records.sessions.open(found, 1000)
    for secret in (old, new):  # the old one in its grace
        found = records.keys.check(secret)
        assert found is not None
        records.sessions.open(found, 1000)
    records.keys.revoke("ana", key.prefix)
    with pytest.raises(Conflict):
        records.sessions.open(found, 1000)


def test_uploaded_bytes_count_by_key_and_day(records: Records, clock: Clock) -> None:
    clock.now = 10 * 86_400 + 80_000
    for key, count in (("a", 5), ("a", 6), ("b", 1)):
        records.uploaded.add(key, count)
    assert (records.uploaded.today("a"), records.uploaded.today("b"), records.uploaded.today("c")) == (
        11,
        1,
        0,
    )
    assert records.uploaded.seconds_left() == 6400
    clock.now += 6400
    assert records.uploaded.today("a") == 0
    records.uploaded.add("a", 2)
    assert records.uploaded.today("a") == 2


def test_the_audit_log_is_read_by_its_tenant_newest_first_and_forgotten_with_age(
    records: Records, clock: Clock
) -> None:
    first = records.audit.begin("ana", "ingest", "/v1/x", key="olhar_1", collection="photos", target="a")
    second = records.audit.begin("ana", "delete_item", "/v1/y")
    records.audit.begin("ben", "ingest", "/v1/z")
    records.audit.end(first, 202)
    found = records.audit.latest("ana")
    assert [(entry.id, entry.status) for entry in found] == [(second, None), (first, 202)]
    assert (found[1].key, found[1].collection, found[1].target) == ("olhar_1", "photos", "a")
    assert [entry.id for entry in records.audit.latest("ana", limit=1, before=second)] == [first]
    assert [entry.id for entry in records.audit.latest("ana", key="olhar_1")] == [first]
    clock.now += 100
    records.audit.begin("ana", "ingest", "/v1/x")
    assert records.audit.forget(50) == 3
    assert len(records.audit.latest("ana")) == 1


def test_tables_of_an_earlier_version_are_left_alone_where_another_works_with_them(
    url: str, records: Records
) -> None:
    Records(url, upgrade=False).close()
    with records.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0006'"))
    with pytest.raises(BadSettings, match="another version"):
        Records(url, upgrade=False)
    assert records.database.revision() == "0006"


def test_the_hash_is_sha_256() -> None:
    assert hashed("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
