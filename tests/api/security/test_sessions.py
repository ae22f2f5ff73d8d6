"""Sessions: a cookie for a key, which no script reads, no other page uses, and which ends with the key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import problem
from tests.api.security.conftest import Light, light_server

NAME = "olhar_session"


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    return SimpleCookie(answer.headers["set-cookie"])[NAME]


@pytest.fixture
def page(light: Light) -> Iterator[httpx.Client]:
    """A web page that has exchanged a key for a session, and keeps the token apart."""
    _, secret = light.key("write", "read")
    with light.client() as page:
        opened = page.post("/session", headers={"x-api-key": secret})
        assert opened.status_code == 201
        page.headers["x-test-csrf"] = opened.json()["csrf"]
        yield page


def test_the_cookie_is_for_the_server_alone(light: Light) -> None:
    key, secret = light.key("read")
    with light.client() as page:
        opened = page.post("/session", headers={"authorization": f"Bearer {secret}"})
        cookie = cookie_of(opened)
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
            True, "strict", "/", "",
        )  # fmt: skip
        assert not cookie["secure"]  # or else a browser would not send it back here
        assert opened.headers["cache-control"] == "no-store"
        told = page.get("/session").json()
    assert told == opened.json()
    assert (told["tenant"], told["scopes"], told["key"]) == ("ana", ["read"], key.prefix)
    assert cookie.value not in opened.text
    assert cookie.value != told["csrf"]
    assert secret not in opened.text + opened.headers["set-cookie"]


def test_under_https_the_cookie_is_never_sent_without(tmp_path: Path) -> None:
    with light_server(tmp_path, public_urls="https://olhar.example.org", proxies="127.0.0.1") as light:
        _, secret = light.key("read")
        with light.client(secret, host="olhar.example.org") as page:
            opened = page.post("/session")
        assert cookie_of(opened)["secure"]


def test_what_changes_something_needs_the_token_too(page: httpx.Client) -> None:
    csrf = page.headers.pop("x-test-csrf")
    assert page.get("/v1/jobs").status_code == 200
    token = b"x-csrf-token"
    for wrong in ({}, {token: b""}, {token: csrf[:-1].encode()}, {token: "é".encode()}):
        refused = page.post("/v1/collections/c/ocr", headers=wrong)
        assert problem(refused, 403)["type"] == "urn:olhar:problem:csrf"
        assert page.request("DELETE", "/session").status_code == 403
    assert page.get("/session").json()["csrf"] == csrf
    allowed = page.post("/v1/collections/c/ocr", headers={"x-csrf-token": csrf})
    assert allowed.status_code == 422  # by the route itself: reading text is switched off here


def test_a_session_can_do_no_more_than_its_key(page: httpx.Client) -> None:
    csrf = page.headers.pop("x-test-csrf")
    problem(page.get("/v1/keys"), 403)
    problem(page.delete("/v1/collections/c", headers={"x-csrf-token": csrf}), 403)


def test_it_ends_when_it_is_closed(page: httpx.Client) -> None:
    csrf = page.headers.pop("x-test-csrf")
    kept = page.cookies[NAME]
    closed = page.delete("/session", headers={"x-csrf-token": csrf})
    assert closed.status_code == 204
    assert cookie_of(closed)["max-age"] == "0"
    assert NAME not in page.cookies
    again = page.get("/v1/jobs", headers={"cookie": f"{NAME}={kept}"})
    assert "session has ended" in problem(again, 401)["detail"]
    assert page.get("/docs", headers={"cookie": f"{NAME}={kept}"}).status_code == 200


def test_it_ends_with_its_key(light: Light) -> None:
    key, secret = light.key("read")
    with light.client() as page, light.client(light.key()[1]) as admin:
        page.post("/session", headers={"x-api-key": secret})
        assert page.get("/v1/jobs").status_code == 200
        admin.delete(f"/v1/keys/{key.prefix}")
        assert page.get("/v1/jobs").status_code == 401
        assert page.post("/session").status_code == 401


def test_a_secret_that_was_rotated_away_elsewhere_opens_none(light: Light) -> None:
    key, old = light.key("read")
    with light.client(old) as page:
        assert page.get("/v1/jobs").status_code == 200
        light.parts.records.keys.rotate("ana", key.prefix, grace=0)  # by a command: the server is not told
        assert "just now" in problem(page.post("/session"), 409)["detail"]
        problem(page.post("/session"), 401)


def test_the_cookie_ends_with_the_session(light: Light) -> None:
    _, secret = light.key("read", expires_at=time.time() + 300)
    with light.client(secret) as page:
        assert 290 <= int(cookie_of(page.post("/session"))["max-age"]) <= 300


def test_a_cookie_that_has_ended_shuts_nothing_that_is_open(tmp_path: Path) -> None:
    with light_server(tmp_path, failures_per_minute=2) as light:
        _, secret = light.key("read")
        with light.client(cookie=f"{NAME}=ended") as page, light.client(secret) as other:
            assert {page.get("/health/live").status_code for _ in range(5)} == {200}
            assert {page.get("/v1/links/x").status_code for _ in range(5)} == {403}
            opened = other.post("/session")
            cookie = f"{NAME}={cookie_of(opened).value}"
            assert page.get("/v1/jobs", headers={"cookie": cookie}).status_code == 200


def test_a_session_opens_no_other(page: httpx.Client) -> None:
    csrf = page.headers.pop("x-test-csrf")
    problem(page.post("/session", headers={"x-csrf-token": csrf}), 409)


def test_a_key_counts_before_a_session(page: httpx.Client, light: Light) -> None:
    page.headers.pop("x-test-csrf")
    key, secret = light.key("read", tenant="ben")
    assert page.get("/session", headers={"x-api-key": secret}).json()["tenant"] == "ben"
    problem(page.delete("/session", headers={"x-api-key": secret}), 409)
    assert page.get("/v1/jobs", headers={"x-api-key": "olhar_wrong"}).status_code == 401
    assert key.tenant == "ben"
