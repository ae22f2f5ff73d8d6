"""No route answers without a key, or with one of too small a scope."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from rag.errors import RecordsUnavailable
from rag.records.types import Right
from tests.api.conftest import problem
from tests.api.security.conftest import Light, light_server, needed, operations
from tests.api.test_errors import openai_error
from tests.ingest.conftest import picture

TOO_SMALL: dict[Right, tuple[Right, ...]] = {
    "read": ("write",),
    "write": ("read",),
    "admin": ("read", "write"),
}
"""For what a route needs, a key that is not enough."""
READ_BY_POST = {
    "ask", "search", "chat_completions", "responses", "embeddings", "embed_text", "embed_image",
    "embed_sound", "similarity", "rerank", "rerank_v2", "make_links", "give_feedback", "classify",
    "audit_fairness", "moderate", "coverage",
}  # fmt: skip
"""What changes nothing but one's own opinion, though its request has a body."""
OPENAI = re.compile(r"/v1/(models|responses|embeddings|rerank|chat/)|/v2/rerank")
FOR_DECIDERS = {"reviews", "review_original", "review_thumbnail"}
"""What is looked at by those alone who may decide about it."""
BEARER = 'Bearer realm="olhar"'


def filled(path: str) -> str:
    values = {
        "item_id": "0" * 32,
        "job_id": "0" * 32,
        "thread_id": "0" * 32,
        "review_id": "0" * 32,
        "prefix": "olhar_" + "0" * 8,
    }
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], "x"), path)


def refused(response: httpx.Response, status: int, code: str) -> str:
    """The refusal's challenge, after its shape was checked, which is that of the path."""
    if OPENAI.match(response.request.url.path):
        assert openai_error(response, status)["code"] == code.replace("-", "_")
    else:
        assert problem(response, status)["type"] == f"urn:olhar:problem:{code}"
    return str(response.headers.get("www-authenticate", ""))


def test_every_route_asks_for_a_key_with_its_scope(light: Light) -> None:
    walked, needs = operations(light.app), needed()
    assert walked.keys() == needs.keys()
    with ExitStack() as stack:
        stranger = stack.enter_context(light.client())
        weak = {
            right: stack.enter_context(light.client(light.key(*too_small, requests_per_minute=0)[1]))
            for right, too_small in TOO_SMALL.items()
        }
        for operation, (method, path) in walked.items():
            url, right = filled(path), needs[operation]
            if right == "open":
                assert stranger.request(method, url).status_code != 401
                continue
            assert refused(stranger.request(method, url), 401, "no-key") == BEARER
            assert refused(stranger.request(method, url, json={}), 401, "no-key") == BEARER
            if right is not None:
                answer = weak[right].request(method, url, json={})
                challenge = refused(answer, 403, "insufficient-scope")
                assert challenge == f'Bearer error="insufficient_scope", scope="{right}"'


def test_whatever_changes_something_needs_more_than_to_read(light: Light) -> None:
    for operation, (method, _) in operations(light.app).items():
        right = needed()[operation]
        assert (method == "GET" and right == "write") == (operation in FOR_DECIDERS), operation
        if method != "GET" and right in ("read", "open"):
            assert operation in READ_BY_POST


def test_what_moderation_holds_is_shown_to_whoever_may_read_and_decide(light: Light) -> None:
    allowed = {("read",): False, ("write",): False, ("read", "write"): True, ("admin",): True}
    for rights, may in allowed.items():
        with light.client(light.key(*rights)[1]) as client:  # type: ignore[arg-type]  # they are rights
            for path in ("", f"/{'0' * 32}/original", f"/{'0' * 32}/thumbnail"):
                status = client.get(f"/v1/moderation{path}").status_code
                assert status == ((404 if path else 200) if may else 403), (rights, path)
    with light.client(light.key("admin")[1]) as client:
        entries = client.get("/v1/audit", params={"limit": 1000}).json()["entries"]
    assert "review_original" in {entry["operation"] for entry in entries}


def test_the_description_says_what_each_route_needs(light: Light) -> None:
    document = light.app.openapi()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "key", "session"}
    for path in document["paths"].values():
        for operation in path.values():
            right = needed()[operation["operationId"]]
            ways = [] if right == "open" else [[right] if right else []] * 3
            assert [scopes for way in operation["security"] for scopes in way.values()] == ways


def test_a_key_is_taken_in_either_header_and_a_wrong_one_in_none(light: Light) -> None:
    key, secret = light.key("read")
    for headers in ({"authorization": f"bearer {secret}"}, {"x-api-key": secret}):
        with light.client(**headers) as client:
            assert client.get("/v1/jobs").status_code == 200
            assert client.get("/session").json()["key"] == key.prefix
    with light.client() as client:
        for wrong in (secret[:-1].encode(), b"sk-anything", b"olhar_", b"\xff"):
            answer = client.get("/v1/jobs", headers={b"x-api-key": wrong})
            challenge = refused(answer, 401, "invalid-api-key")
            assert challenge == f'{BEARER}, error="invalid_token"'
    with light.client(secret, **{"x-api-key": "wrong"}) as client:
        assert client.get("/v1/jobs").status_code == 401


def test_what_is_not_there_is_not_told_to_strangers(light: Light) -> None:
    with light.client() as stranger:
        for path in ("/", "/nowhere", "/v1", "/docs.json", "/openapi.json/x", "//docs"):
            assert stranger.get(path).status_code == 401, path
        for path in ("/docs", "/docs/start.js", "/openapi.json", "/docs/assets/swagger-ui.css"):
            assert stranger.get(path).status_code == 200
        assert stranger.options("/v1/jobs").status_code == 401
        assert stranger.head("/v1/jobs").status_code == 401


def test_a_stranger_is_turned_away_before_the_body_is_read(light: Light) -> None:
    """The body never comes; the answer does."""
    host, port = light.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as stranger:
        head = f"POST /v1/keys HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        stranger.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode())
        assert stranger.recv(100).startswith(b"HTTP/1.1 401")


def test_a_revoked_key_is_refused_at_once_through_the_server_and_its_successor_is_not(light: Light) -> None:
    _, boss = light.key()
    with light.client(boss) as admin:
        made = admin.post("/v1/keys", json={"name": "laptop", "scopes": ["read"]}).json()
        with light.client(made["secret"]) as client:
            assert client.get("/v1/jobs").status_code == 200
            fresh = admin.post(f"/v1/keys/{made['prefix']}/rotate", json={"grace_hours": 0}).json()["secret"]
            assert client.get("/v1/jobs").status_code == 401
        with light.client(fresh) as client:
            assert client.get("/v1/jobs").status_code == 200
            assert admin.delete(f"/v1/keys/{made['prefix']}").json()["good"] is False
            assert client.get("/v1/jobs").status_code == 401
        listed = {one["prefix"]: one for one in admin.get("/v1/keys").json()["keys"]}
        assert (listed[made["prefix"]]["good"], listed[made["prefix"]]["used_at"] is None) == (False, False)
        assert made["secret"] not in admin.get("/v1/keys").text


def test_where_no_key_is_asked_for_one_of_ours_counts_and_other_words_do_not(
    tmp_path: Path,
) -> None:
    with light_server(tmp_path, auth="auto", tenant="house") as open_server:
        _, secret = open_server.key("read", tenant="ben")
        for given, tenant in (("", "house"), ("sk-any-key", "house"), (secret, "ben")):
            with open_server.client(given) as client:
                assert client.get("/session").json()["tenant"] == tenant
        with open_server.client("olhar_no_key") as client:
            assert client.get("/session").status_code == 401
        with open_server.client(secret) as client:
            assert client.post("/v1/keys", json={"name": "x", "scopes": ["admin"]}).status_code == 403
            problem(client.post("/session"), 409)


def test_who_may_only_write_is_told_nothing_of_what_was_changed(light: Light) -> None:
    _, writes = light.key("write")
    _, both = light.key("read", "write")
    with light.client(writes) as writer, light.client(both) as client:
        files = {"files": ("private name.png", picture(7))}
        sent = writer.post("/v1/collections/blind/items?wait=true", files=files).json()
        path = f"/v1/items/{sent['files'][0]['item_id']}?collection=blind"
        changed = writer.patch(path, json={"caption": "new"})
        assert (changed.status_code, changed.content) == (204, b"")
        seen = client.patch(path, json={}, headers={"if-match": changed.headers["etag"]})
        assert (seen.status_code, seen.json()["caption"]) == (200, "new")


def test_where_no_key_is_asked_for_nobody_comes_through_a_proxy(tmp_path: Path) -> None:
    """It would let in whoever reaches the proxy."""
    with light_server(tmp_path, auth="auto") as open_server:
        _, secret = open_server.key("read")
        with open_server.client() as client, open_server.client(secret) as known:
            for header in ("forwarded", "x-forwarded-for", "via"):
                refused = client.get("/v1/jobs", headers={header: "192.0.2.7"})
                assert "OLHAR_PROXIES" in problem(refused, 403)["detail"]
                assert known.get("/v1/jobs", headers={header: "192.0.2.7"}).status_code == 200
            assert client.get("/health/live", headers={"via": "1.1 x"}).status_code == 200
            assert client.get("/v1/jobs").status_code == 200


def test_while_the_records_are_away_nobody_is_let_in(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> None:
        raise RecordsUnavailable("postgresql://db.example:5432/olhar is away")

    _, secret = light.key("read")
    monkeypatch.setattr(light.parts.records.keys, "check", away)
    with light.client(secret) as client:
        refused = client.get("/v1/jobs")
    assert problem(refused, 503)["type"] == "urn:olhar:problem:records-unavailable"
    assert refused.headers["retry-after"]
    assert "db.example" not in refused.text


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = light.key("read")
    with light.client(secret) as client:
        assert client.get("/v1/jobs").status_code == 200
        light.parts.records.keys.revoke("ana", key.prefix)  # by a command, of which the server is not told
        monkeypatch.setattr("api.security.keyring.FRESH_S", 0.0)
        assert client.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    "body", [{"name": "", "scopes": ["read"]}, {"name": "x", "scopes": []}, {"name": "x"}]
)
def test_a_key_without_name_or_scopes_is_not_made(light: Light, body: dict[str, object]) -> None:
    with light.client(light.key()[1]) as admin:
        problem(admin.post("/v1/keys", json=body), 422)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/threads?before=%00",
        "/v1/feedback?before=x",
        "/v1/jobs?before=%00",
        "/v1/moderation?before=%00",
        "/v1/audit?key=%00",
        "/v1/audit?before=3000000000",
        "/v1/audit?before=99999999999999999999",
        "/v1/parked?after=3000000000",
        "/v1/collections/c/items?after=%00",
        "/v1/collections/c/sources?prefix=%00",
        "/v1/collections/c/sources?after=a%00",
    ],
)
def test_what_no_database_could_look_for_is_refused(light: Light, path: str) -> None:
    with light.client(light.key()[1]) as client:
        problem(client.get(path), 422)


def test_openais_client_knows_why_it_was_refused(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _, writes = light.key("write")
    messages: Any = [{"role": "user", "content": "x"}]
    for secret, refusal in (("wrong", openai.AuthenticationError), (writes, openai.PermissionDeniedError)):
        client = openai.OpenAI(base_url=f"{light.url}/v1", api_key=secret, max_retries=0)
        with client, pytest.raises(refusal):
            client.chat.completions.create(model="olhar", messages=messages)
