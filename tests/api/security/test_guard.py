"""By which names a server may be asked, by which pages, and what every answer says to browsers."""

from __future__ import annotations

from pathlib import Path

from anyio import run
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.security.guard import LOOPBACK, Guard, Own
from tests.api.conftest import problem
from tests.api.security.conftest import Light, light_server

PUBLIC = "https://olhar.example.org"
PAGE = "https://app.example.org"


def test_public_names_and_named_pages_are_let_in_others_are_not(tmp_path: Path) -> None:
    with light_server(tmp_path, public_urls=f"{PUBLIC},http://lan:8000", cors_origins=PAGE) as light:
        _, secret = light.key("read")
        with light.client(secret) as client:
            for host in ("olhar.example.org", "OLHAR.example.org:443", "lan:9", "localhost"):
                assert client.get("/v1/jobs", headers={"host": host}).status_code == 200
            refused = client.get("/v1/jobs", headers={"host": "evil.example"})
            assert "OLHAR_PUBLIC_URLS" in problem(refused, 400)["detail"]
            own = client.get("/v1/jobs", headers={"host": "olhar.example.org", "origin": PUBLIC})
            assert own.status_code == 200
            assert "access-control-allow-origin" not in own.headers
            named = client.get("/v1/jobs", headers={"origin": PAGE})
            assert named.headers["access-control-allow-origin"] == PAGE
            assert "access-control-allow-credentials" not in named.headers
            assert "Origin" in named.headers["vary"]
            assert "cookie" in named.headers["vary"]
            for origin in ("https://evil.example", "null", "http://app.example.org", f"{PAGE}.evil.example"):
                foreign = client.get("/v1/jobs", headers={"origin": origin})
                assert problem(foreign, 403)
                assert "access-control-allow-origin" not in foreign.headers
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        with light.client() as browser:  # which sends no key with what it asks beforehand
            before = browser.options("/v1/search", headers=asked | {"origin": PAGE})
            assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, PAGE)
            assert browser.options("/v1/search", headers=asked | {"origin": "https://x.y"}).status_code == 403
            turned_away = browser.get("/v1/jobs", headers={"origin": PAGE})
            assert turned_away.status_code == 401  # and the page may read why
            assert turned_away.headers["access-control-allow-origin"] == PAGE


def test_an_address_of_ipv4_that_came_in_by_a_socket_of_ipv6_is_a_name_of_the_server() -> None:
    own = Own(LOOPBACK, frozenset())

    def status(host: str, reached: str) -> int:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Response("in")(scope, receive, send)

        answers: list[int] = []

        async def sending(message: Message) -> None:
            answers.extend([message["status"]] if "status" in message else [])

        async def receive() -> Message:
            raise AssertionError("nothing is read")

        scope = {"type": "http", "path": "/", "method": "GET", "scheme": "http", "server": (reached, 80),
                 "headers": [(b"host", host.encode())]}  # fmt: skip
        run(Guard(app, own), scope, receive, sending)
        return answers[0]

    assert status("192.0.2.7:80", "::ffff:192.0.2.7") == 200
    assert status("[2001:db8::7]:80", "2001:db8::7") == 200
    assert status("192.0.2.8:80", "::ffff:192.0.2.7") == 400


def test_a_page_may_hold_on_to_a_state_and_change_what_it_read(tmp_path: Path) -> None:
    asked = {
        "origin": PAGE,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization, if-match",
    }
    with light_server(tmp_path, cors_origins=PAGE) as light, light.client() as browser:
        assert browser.options(f"/v1/items/{'a' * 32}", headers=asked).status_code == 200
        told = browser.get("/v1/jobs", headers={"origin": PAGE})
        assert "etag" in told.headers["access-control-expose-headers"]


def test_without_the_setting_no_other_page_is_let_in(light: Light) -> None:
    asked = {"access-control-request-method": "GET", "origin": PAGE}
    with light.client(light.key()[1]) as client:
        assert client.options("/v1/jobs", headers=asked).status_code == 403
        assert client.get("/v1/jobs", headers={"origin": PAGE}).status_code == 403


def test_every_answer_says_how_it_may_be_used(light: Light) -> None:
    with light.client(light.key()[1]) as client, light.client() as stranger:
        for answer in (
            client.get("/v1/jobs"),
            client.get("/nowhere"),
            stranger.get("/v1/jobs"),
            stranger.get("/health/live"),
            client.get("/v1/jobs", headers={"host": "evil.example"}),
        ):
            told = answer.headers
            assert told["x-content-type-options"] == "nosniff"
            assert told["x-frame-options"] == "DENY"
            assert told["referrer-policy"] == "no-referrer"
            assert told["cache-control"] == "no-store"
            assert told["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert told["vary"].count("cookie") == 1
        page = stranger.get("/docs")
        assert "script-src" not in page.headers["content-security-policy"]
        assert "no-store" not in page.headers.get("cache-control", "")
