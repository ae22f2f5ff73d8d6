"""The audit log tells of every change, before and after; and no secret is in it, or in any other log."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import text

from rag.errors import RecordsUnavailable
from tests.api.conftest import problem
from tests.api.security.conftest import Light
from tests.ingest.conftest import picture

ITEM = "0" * 32


def entries(light: Light, secret: str, **query: Any) -> list[dict[str, Any]]:
    with light.client(secret) as admin:
        found: list[dict[str, Any]] = admin.get("/v1/audit", params=query).json()["entries"]
        return found


def test_changes_are_told_with_who_what_and_how_it_ended(light: Light) -> None:
    key, secret = light.key(tenant="cem")
    weak, small = light.key("read", tenant="cem")
    with light.client(secret, **{"x-request-id": "mine-1"}) as client, light.client(small) as reader:
        client.post("/v1/collections/photos/items?wait=true", files={"files": ("a.png", picture(1))})
        client.delete("/v1/collections/photos/sources", params={"source": "/a b"})
        client.patch(f"/v1/items/{ITEM}", params={"collection": "photos"}, json={"caption": "x"})
        client.patch(f"/v1/items/{ITEM}", json={"caption": "x"})
        reader.delete("/v1/collections/photos")
        client.get("/v1/collections")
        client.post("/v1/search", json={"text": "x"})
    found = entries(light, secret)
    told = [(e["operation"], e["collection"], e["target"], e["status"], e["key"]) for e in reversed(found)]
    assert told == [
        ("ingest", "photos", "", 200, key.prefix),
        ("delete_source", "photos", "/a b", 404, key.prefix),
        ("edit_item", "photos", ITEM, 404, key.prefix),
        ("edit_item", light.parts.settings.collection, ITEM, 404, key.prefix),
        ("delete_collection", "photos", "", 403, weak.prefix),
    ]
    assert {e["tenant"] for e in found} == {"cem"}
    assert {e["address"] for e in found} == {"127.0.0.1"}
    assert found[-1]["request_id"] == "mine-1"
    assert found[-1]["path"] == "/v1/collections/photos/items"
    assert [e["id"] for e in entries(light, secret, before=found[1]["id"], limit=2)] == [
        found[2]["id"], found[3]["id"],
    ]  # fmt: skip
    assert [e["key"] for e in entries(light, secret, key=weak.prefix)] == [weak.prefix]


def test_a_rating_a_link_and_the_key_that_was_made_are_told(light: Light) -> None:
    _, secret = light.key(tenant="hal")
    with light.client(secret) as client:
        made = client.post("/v1/keys", json={"name": "x", "scopes": ["read"]}).json()["prefix"]
        client.post("/v1/links", json={"items": [ITEM]})
        client.post("/v1/feedback", json={"answer": ITEM, "rating": "up"})
    told = [(entry["operation"], entry["target"], entry["status"]) for entry in entries(light, secret)]
    assert told == [("give_feedback", "", 404), ("make_links", "", 200), ("create_key", made, 201)]


def test_what_no_database_keeps_is_put_down_without_it(light: Light) -> None:
    _, secret = light.key(tenant="bea")
    with light.client(secret) as client:
        problem(client.delete(f"/v1/items/{ITEM}?collection=a%00b"), 422)
        problem(client.delete("/v1/collections/c/sources?source=x%00y"), 422)
        assert client.delete("/v1/collections/a%00b").status_code == 422
    (path, source, item) = entries(light, secret)
    assert (path["path"], path["collection"]) == ("/v1/collections/ab", "ab")
    assert (source["target"], item["collection"]) == ("xy", "ab")


def test_what_cannot_be_put_down_is_not_done(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> int:
        raise RecordsUnavailable("the records are away")

    key, secret = light.key()
    monkeypatch.setattr(light.parts.records.audit, "begin", away)
    with light.client(secret) as client:
        problem(client.delete(f"/v1/keys/{key.prefix}"), 503)
        assert client.get("/v1/jobs").status_code == 200


def test_an_entry_whose_end_cannot_be_written_stays_open_and_is_told(
    light: Light, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise RecordsUnavailable("the records are away")

    _, secret = light.key(tenant="dora")
    monkeypatch.setattr(light.parts.records.audit, "end", away)
    with light.client(secret) as client:
        assert client.post("/v1/keys", json={"name": "x", "scopes": ["read"]}).status_code == 201
    assert [entry["status"] for entry in entries(light, secret)] == [None]
    assert "audit log does not say" in caplog.text


def test_a_bug_ends_its_entry_too(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    key, secret = light.key(tenant="emil")
    monkeypatch.setattr(light.parts.records.keys, "revoke", broken)
    with light.client(secret) as client:
        assert client.delete(f"/v1/keys/{key.prefix}").status_code == 500
    assert [entry["status"] for entry in entries(light, secret)] == [500]


def test_old_entries_go(light: Light) -> None:
    audit = light.parts.records.audit
    audit.begin("fay", "ingest", "/x")
    with light.parts.records.database.writing() as connection:
        connection.execute(text("UPDATE audit SET at = 0 WHERE tenant = 'fay'"))
    light.app.state.ledger._tidied_at = float("-inf")
    _, secret = light.key(tenant="fay")
    with light.client(secret) as client:
        client.post("/v1/keys", json={"name": "x", "scopes": ["read"]})
    assert [entry["operation"] for entry in entries(light, secret)] == ["create_key"]


def test_no_secret_is_in_any_log_or_record(
    light: Light, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    _, boss = light.key(tenant="gil")
    secrets = [boss]
    with light.client(boss) as admin:
        made = admin.post("/v1/keys", json={"name": "x", "scopes": ["write"]}).json()
        fresh = admin.post(f"/v1/keys/{made['prefix']}/rotate", json={}).json()
        secrets += [made["secret"], fresh["secret"], "olhar_deadbeef_" + "0" * 64]
        for secret in secrets:
            admin.get("/v1/jobs", headers={"x-api-key": secret, "authorization": f"Bearer {secret}"})
            admin.post(
                "/v1/collections/c/urls", json={"urls": []}, headers={"authorization": f"Bearer {secret}"}
            )
        opened = admin.post("/session")
        session, csrf = admin.cookies["olhar_session"], opened.json()["csrf"]
        secrets += [session, csrf]
        del admin.headers["authorization"]
        admin.delete("/session", headers={"x-csrf-token": csrf})
    with light.parts.records.database.reading() as connection:
        names = ("keys", "sessions", "audit", "uploaded", "jobs")
        kept = str([list(connection.execute(text(f"SELECT * FROM {name}"))) for name in names])
    out, err = capfd.readouterr()
    # The client that sends the secrets is no part of the server.
    told = [r for r in caplog.records if not r.name.startswith("http")]
    written = str([(record.getMessage(), vars(record)) for record in told]) + kept + out + err
    assert made["prefix"] in written
    for secret in secrets:
        assert secret.rpartition("_")[2] not in written
