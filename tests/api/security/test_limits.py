"""How much a key may ask and send, and how often an address may be wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.listening import believed
from api.security.credentials import address_of
from tests.api.conftest import problem
from tests.api.security.conftest import Light, light_server
from tests.api.test_errors import openai_error
from tests.ingest.conftest import picture

ITEMS = "/v1/collections/c/items?wait=true"


def test_a_key_that_asks_too_often_is_told_when_to_come_back(light: Light) -> None:
    key, secret = light.key("read", requests_per_minute=3)
    _, other = light.key("read")
    with light.client(secret) as client, light.client(other) as unhurried:
        answers = [client.get("/v1/jobs") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=60'
        assert answers[0].headers["ratelimit"].startswith('"key";r=2;')
        assert 1 <= int(answers[3].headers["retry-after"]) <= 20
        assert key.prefix in problem(answers[3], 429)["detail"]
        told = openai_error(client.get("/v1/models"), 429)
        assert (told["type"], told["code"]) == ("rate_limit_error", "too_many_requests")
        assert unhurried.get("/v1/jobs").status_code == 200
        assert unhurried.get("/v1/jobs").headers["ratelimit-policy"] == '"key";q=600;w=60'


def upload(client: httpx.Client, size: int) -> httpx.Response:
    return client.post(ITEMS, files={"files": ("x.bin", b"x" * size)})


def test_a_key_that_has_sent_enough_today_may_send_tomorrow(light: Light) -> None:
    key, secret = light.key("write", upload_bytes_per_day=50_000)
    with light.client(secret) as client:
        assert upload(client, 40_000).status_code == 200
        refused = upload(client, 20_000)
        assert upload(client, 10).status_code == 429  # what came in counts, also where it was refused
        assert problem(refused, 429)["type"] == "urn:olhar:problem:too-many-bytes"
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert client.post("/v1/jobs/" + "0" * 32 + "/cancel").status_code == 404
    assert light.parts.records.uploaded.today(key.prefix) > 50_000
    _, other = light.key("write")
    with light.client(other) as client:
        assert client.post(ITEMS, files={"files": ("x.png", picture(1))}).status_code == 200


def test_an_address_that_sends_wrong_keys_has_to_wait_but_not_who_is_known(tmp_path: Path) -> None:
    with light_server(tmp_path, failures_per_minute=3) as light:
        _, known = light.key("read")
        _, late = light.key("read")
        with light.client() as client:
            assert client.get("/v1/jobs", headers={"x-api-key": known}).status_code == 200
            wrong = [client.get("/v1/jobs", headers={"x-api-key": f"olhar_{n}"}) for n in range(4)]
            assert [one.status_code for one in wrong] == [401, 401, 401, 429]
            assert int(wrong[3].headers["retry-after"]) == 21
            assert client.get("/v1/jobs", headers={"x-api-key": known}).status_code == 200
            # Not even a good key that was not seen before is looked at.
            assert client.get("/v1/jobs", headers={"x-api-key": late}).status_code == 429
            assert client.get("/v1/jobs").status_code == 401
            assert client.get("/health/live").status_code == 200


def test_of_ipv6_the_network_of_a_household_counts() -> None:
    def of(host: str) -> str:
        return address_of({"type": "http", "client": (host, 1)})

    assert of("192.0.2.7") == of("::ffff:192.0.2.7") == "192.0.2.7"  # as a socket of IPv6 tells
    assert of("::ffff:192.0.2.7") != of("::ffff:192.0.2.8")
    assert of("2001:db8:1:2:3:4:5:6") == of("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert of("2001:db8:1:3::1") != of("2001:db8:1:2::1")
    assert of("::1") == "::1"
    assert address_of({"type": "http"}) == ""


def test_a_proxy_of_ipv4_is_believed_at_a_socket_of_ipv6_too() -> None:
    trusted = ProxyHeadersMiddleware(
        cast(Any, None), believed("127.0.0.1, 10.0.0.0/8,2001:db8::/32")
    ).trusted_hosts
    for proxy in ("127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"):
        assert proxy in trusted
    for other in ("::ffff:127.0.0.2", "::ffff:11.1.2.3", "2001:db9::1"):
        assert other not in trusted


def test_no_key_that_is_made_over_http_may_more_than_the_one_that_makes_it(light: Light) -> None:
    key, secret = light.key(requests_per_minute=30, expires_at=time.time() + 3600)
    made = {"name": "x", "scopes": ["read"]}
    with light.client(secret) as client, light.client(light.key()[1]) as unbound:
        for beyond in (
            {"requests_per_minute": 0},
            {"requests_per_minute": 31},
            {"expires_in_days": 1},
        ):
            assert key.prefix in problem(client.post("/v1/keys", json=made | beyond), 422)["detail"]
        left_out = client.post("/v1/keys", json=made).json()
        assert left_out["requests_per_minute"] == 30
        assert left_out["expires_at"] == pytest.approx(key.expires_at)
        assert left_out["upload_bytes_per_day"] is None  # as of its maker: the server's
        less = client.post("/v1/keys", json=made | {"requests_per_minute": 3, "expires_in_days": 0.01}).json()
        assert less["requests_per_minute"] == 3
        problem(unbound.post("/v1/keys", json=made | {"requests_per_minute": 601}), 422)  # the server's
        more = unbound.post("/v1/keys", json=made | {"upload_bytes_per_day": 5, "expires_in_days": 900})
        assert more.status_code == 201


@pytest.mark.parametrize("limit", [0, 5])
def test_without_a_limit_nothing_is_said_of_it(light: Light, limit: int) -> None:
    _, secret = light.key("read", requests_per_minute=limit)
    with light.client(secret) as client:
        assert ("ratelimit" in client.get("/v1/jobs").headers) == bool(limit)
