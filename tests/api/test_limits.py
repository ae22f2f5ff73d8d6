from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.limits import MIB, SMALL_BYTES, body_limit
from tests.api.conftest import FakeQueue, problem

JSON = {"content-type": "application/json"}
LIMIT = body_limit(20_000)


def endless(total: int) -> Iterator[bytes]:
    for _ in range(0, total, 64 * 1024):
        yield b"x" * 64 * 1024


def test_a_declared_length_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    problem(client.post("/v1/search", content=b"x" * (LIMIT + 1)), 413)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/ask", "/embed/text", "/similarity"])
def test_a_body_of_unknown_length_is_refused_while_reading(client: httpx.Client, path: str) -> None:
    kind = "multipart/form-data; boundary=b" if path == "/similarity" else "application/json"
    head = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        if "multi" in kind
        else b""
    )

    def body() -> Iterator[bytes]:
        yield head
        yield from endless(LIMIT + 2 * MIB)

    problem(client.post(path, content=body(), headers={"content-type": kind}), 413)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/feedback"),
        ("POST", "/v1/links"),
        ("POST", "/v1/keys"),
        ("PATCH", f"/v1/items/{'a' * 32}"),
        ("POST", "/v1/collections/c/urls"),
    ],
)
def test_a_body_without_pictures_is_refused_before_it_is_parsed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    def declared(length: int) -> httpx.Response:
        return client.request(method, path, content=b"{}".ljust(length), headers=JSON)

    monkeypatch.setattr("api.limits.SMALL_BYTES", 1000)
    assert "1000 bytes" in problem(declared(1001), 413)["detail"]
    assert declared(1000).status_code != 413
    assert client.post("/v1/search", content=b"{}".ljust(1001), headers=JSON).status_code == 422


def test_pictures_of_any_size_that_is_allowed_fit_where_they_are_sent(client: httpx.Client) -> None:
    assert SMALL_BYTES < 10 * MIB  # parsed while all others wait
    chats = ("/v1/chat/completions", "/v1/responses")
    for path in ("/v1/search", "/v1/classify", *chats, "/v1/embeddings", "/v2/rerank"):
        sent = client.post(path, content=b"{}".ljust(LIMIT), headers=JSON)
        assert sent.status_code in (400, 422), path


def test_an_upload_may_be_larger_than_a_question(
    client: httpx.Client, fake_queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [("files", (f"{n}.bin", b"x" * 20_000)) for n in range(2 * LIMIT // 20_000)]
    assert client.post("/v1/collections/c/items?wait=true", files=files).status_code == 200
    monkeypatch.setattr("api.limits.FIELD_BYTES", 0)
    larger = [("files", (f"{n}.bin", b"x" * 20_000)) for n in range(5 * MIB // 20_000)]
    refused = problem(client.post("/v1/collections/c/items?wait=true", files=larger), 413)
    assert "OLHAR_UPLOAD_BYTES" in refused["detail"]
    assert len(fake_queue.files) == len(files)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "localhost.", "[::1"]
)
def test_a_foreign_host_name_is_refused(client: httpx.Client, host: str) -> None:
    problem(client.get("/health", headers={"host": host}), 400)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"])
def test_the_names_of_this_machine_are_accepted(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1"]
)
def test_a_foreign_web_page_cannot_write(client: httpx.Client, fake_queue: FakeQueue, origin: str) -> None:
    files = {"files": ("a.png", b"x")}
    problem(client.post("/v1/collections/c/items?wait=true", files=files, headers={"origin": origin}), 403)
    assert not fake_queue.files


def test_the_servers_own_pages_can_write(client: httpx.Client, fake_queue: FakeQueue) -> None:
    own = str(client.base_url).rstrip("/")
    answer = client.post(
        "/v1/collections/c/items?wait=true", files={"files": ("a", b"x")}, headers={"origin": own}
    )
    assert answer.status_code == 200
    assert fake_queue.files
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_responses_cannot_be_embedded_or_sniffed(client: httpx.Client) -> None:
    for path in ("/health", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
