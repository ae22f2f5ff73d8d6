from __future__ import annotations

import inspect
import re
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

import rag.errors
from api.errors import AWAY, speaks_openai, status_of
from rag.errors import (
    BadDocument,
    BadImage,
    BadSettings,
    BadSound,
    BadSource,
    BadVideo,
    Busy,
    Changed,
    Conflict,
    Crashed,
    DataFolderBusy,
    FingerprintMismatch,
    InvalidInput,
    ModelUnavailable,
    Moderated,
    NotFound,
    OlharError,
    OverLimit,
    RecordsUnavailable,
    SoundAlone,
    SourceUnavailable,
    StoreUnavailable,
    Unavailable,
)
from tests.api.conftest import FakeSystem, png, problem

EXPECTED: dict[type[OlharError], int] = {
    OlharError: 500,
    InvalidInput: 422,
    BadImage: 400,
    BadSource: 422,
    BadDocument: 422,
    Moderated: 422,
    BadSound: 422,
    BadVideo: 422,
    SoundAlone: 422,
    OverLimit: 422,
    BadSettings: 500,
    NotFound: 404,
    Conflict: 409,
    Changed: 412,
    FingerprintMismatch: 409,
    DataFolderBusy: 409,
    Busy: 429,
    Unavailable: 503,
    ModelUnavailable: 503,
    RecordsUnavailable: 503,
    SourceUnavailable: 503,
    StoreUnavailable: 503,
    Crashed: 503,
}

MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("no JSON", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("a list", {"json": []}),
    ("an unknown key", {"json": {"nonsense": 1}}),
    ("lone surrogate", {"content": rb'{"text": "\ud800"}', "headers": {"content-type": "application/json"}}),
    ("NUL", {"json": {"text": "a\0b"}}),
    ("deep", {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}),
    ("no UTF-8", {"content": b'{"text": "\xff"}', "headers": {"content-type": "application/json"}}),
    (
        "another type",
        {"content": b"text=x", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    (
        "a broken form",
        {"content": b"--b\r\nxx", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ),
    ("no boundary", {"content": b"--b\r\nxx", "headers": {"content-type": "multipart/form-data"}}),
    ("an unknown field", {"files": {"nonsense": ("a", b"x")}}),
    ("a nameless type", {"content": b"x", "headers": {"content-type": ";;;"}}),
]


def openai_error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


def check_shape(response: httpx.Response, *, below: int = 500) -> None:
    assert 400 <= response.status_code < below, (response.status_code, response.text)
    if speaks_openai(response.request.url.path):
        openai_error(response, response.status_code)
    else:
        problem(response, response.status_code)


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route of ours, from the document that the server itself publishes."""
    return [(m.upper(), path) for path, methods in app.openapi()["paths"].items() for m in methods]


def test_every_route_refuses_malformed_bodies_in_the_one_shape(app: FastAPI, client: httpx.Client) -> None:
    walked = routes(app)
    assert len(walked) == 75
    for method, path in walked:
        url = re.sub(r"\{.*?\}", "c", path)
        check_shape(client.request("PUT", url))
        check_shape(client.request(method, url + "/nowhere"))
        if method == "POST":
            for name, arguments in MALFORMED:
                response = client.request(method, url, **arguments)
                assert response.status_code < 500, (path, name)
                check_shape(response)


def asked_for(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, description) of every route, with ids that nothing has in the path."""
    ids = {"item_id": "0" * 32, "job_id": "0" * 32, "name": "c", "model": "none"}
    return [
        (method.upper(), re.sub(r"\{(.*?)\}", lambda name: ids.get(name[1], "0" * 32), path), operation)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_refuses_strangers_in_the_one_shape(app: FastAPI, client: httpx.Client) -> None:
    for method, url, _ in asked_for(app):
        foreign = client.request(method, url, headers={"host": "evil.example"})
        assert foreign.status_code == 400
        check_shape(foreign)
        posted = client.request(method, url, headers={"origin": "http://evil.example"})
        assert posted.status_code == 403
        check_shape(posted)
        refused = declaring(client, method, url, 10**10)
        assert refused.status_code == 413
        check_shape(refused)


def declaring(client: httpx.Client, method: str, url: str, size: int) -> httpx.Response:
    """The answer to who declares a body of this size, and sends nothing of it."""
    connection = HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=20)
    try:
        connection.putrequest(method, url)
        connection.putheader("content-length", str(size))
        connection.endheaders()
        answer = connection.getresponse()
        request = httpx.Request(method, client.base_url.join(url))
        return httpx.Response(
            answer.status, headers=answer.getheaders(), content=answer.read(), request=request
        )
    finally:
        connection.close()


def test_every_route_refuses_wrong_parameters_in_the_one_shape(app: FastAPI, client: httpx.Client) -> None:
    for method, url, operation in asked_for(app):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and "integer" in str(parameter["schema"]):
                response = client.request(method, url, params={parameter["name"]: "x"})
                assert response.status_code == (400 if speaks_openai(url) else 422), url
                check_shape(response)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("a secret")])
def test_every_route_tells_what_broke_in_the_one_shape(
    app: FastAPI, client: httpx.Client, system: FakeSystem, error: Exception
) -> None:
    system.store.error = system.encoder.error = system.pipeline.error = error
    for method, url, _ in asked_for(app):
        response = client.request(method, url)
        assert "secret" not in response.text, url
        if response.status_code >= 400 and "/health" not in url:
            check_shape(response, below=600)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nowhere",
        "/v1/search/",
        "/v1/items/%00/original",
        "/v1/items/xyz/original",
        "/v1/models/x",
        "/v1/chat/x",
    ],
)
def test_what_is_not_there_has_the_one_shape(client: httpx.Client, path: str) -> None:
    check_shape(client.get(path))


def test_each_error_has_its_status() -> None:
    classes = {c for _, c in inspect.getmembers(rag.errors, inspect.isclass) if issubclass(c, OlharError)}
    assert {c: status_of(c) for c in classes} == EXPECTED


@pytest.mark.parametrize("kind", sorted(EXPECTED, key=str))
def test_an_error_of_the_library_is_told(
    client: httpx.Client, system: FakeSystem, kind: type[OlharError]
) -> None:
    system.pipeline.error = kind("the \ud800 reason")
    response = client.post("/v1/search", json={"text": "x"})
    body = problem(response, EXPECTED[kind])
    # What is said of the records would name their database.
    told = "the \ud800 reason" if kind is not RecordsUnavailable else AWAY
    assert body["detail"] == told
    assert body["type"] == "urn:olhar:problem:" + re.sub(r"\B([A-Z])", r"-\1", kind.__name__).lower()
    assert ("retry-after" in response.headers) == (EXPECTED[kind] in (429, 503))
    chat = client.post(
        "/v1/chat/completions", json={"model": "olhar", "messages": [{"role": "user", "content": "x"}]}
    )
    assert openai_error(chat, {422: 400}.get(EXPECTED[kind], EXPECTED[kind]))["message"] == told


def test_a_bug_shows_nothing_of_the_inside(client: httpx.Client, system: FakeSystem) -> None:
    system.pipeline.error = RuntimeError("secret path")
    for response in (
        client.post("/v1/search", json={"text": "x"}),
        client.post(
            "/v1/chat/completions", json={"model": "olhar", "messages": [{"role": "user", "content": "x"}]}
        ),
    ):
        assert response.status_code == 500
        assert "secret" not in response.text
        assert "Traceback" not in response.text
        assert response.headers["connection"] == "close"
    problem(client.post("/v1/ask", json={"text": "x"}), 500)


def test_a_validation_error_names_the_place_and_repeats_no_input(client: httpx.Client) -> None:
    body = problem(client.post("/v1/search", json={"text": "x", "limit": "geheim"}), 422)
    assert body["errors"][0]["where"] == "limit"
    assert "limit" in body["detail"]
    assert "geheim" not in str(body)


def test_a_bad_picture_is_no_fault_of_the_server(client: httpx.Client) -> None:
    body = problem(client.post("/v1/search", files={"image": ("a.png", png()[:40])}), 400)
    assert body["type"] == "urn:olhar:problem:bad-image"


def test_405_says_what_is_possible(client: httpx.Client) -> None:
    response = client.get("/v1/search")
    assert "POST" in problem(response, 405)["detail"]
    assert response.headers["allow"] == "POST"


def test_operation_ids_are_stable(app: FastAPI) -> None:
    ids = sorted(route.operation_id or "" for route in app.routes if isinstance(route, APIRoute))
    found = ids or sorted(m["operationId"] for path in app.openapi()["paths"].values() for m in path.values())
    assert found == [
        "ask", "audit", "audit_fairness", "cancel_job", "chat_completions", "classifiers", "classify",
        "classify_collection", "close_session", "collections", "coverage", "create_key", "create_thread",
        "decide_review", "delete_classifier", "delete_collection", "delete_item", "delete_source",
        "delete_thread", "describe_pictures", "duplicates", "edit_item", "embed_image", "embed_sound",
        "embed_text", "embeddings", "fairness_history", "feedback", "give_feedback", "health", "ingest",
        "ingest_urls", "item", "items", "job", "job_events", "job_files", "jobs", "keys", "linked", "live",
        "make_links", "metrics", "model", "models", "moderate", "moderate_collection", "neighbours",
        "open_session", "original", "parked", "quality", "read_pictures", "ready", "reconcile",
        "reconciled", "rename_thread", "representatives", "rerank", "rerank_v2", "responses",
        "retry_job", "review_original", "review_thumbnail", "reviews", "revoke_key", "rotate_key",
        "search", "session", "similarity", "sources", "teach_classifier", "thread", "threads",
        "thumbnail",
    ]  # fmt: skip


def test_every_operation_tells_what_it_does_and_how_it_fails(app: FastAPI) -> None:
    document = app.openapi()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            name = operation["operationId"]
            assert operation["summary"][0].isupper(), name
            assert operation["tags"], name
            assert {"400", "403", "500", "503"} <= operation["responses"].keys(), name
            for status, response in operation["responses"].items():
                shapes = {str(c.get("schema")) for c in response.get("content", {}).values()}
                assert response["description"] != "Successful Response" or shapes, (name, status)
                if int(status) >= 400:
                    openai = speaks_openai(path)
                    content = response["content"][
                        "application/json" if openai else "application/problem+json"
                    ]
                    assert content["schema"]["$ref"].endswith("OpenAIError" if openai else "/Problem")
    assert "HTTPValidationError" not in str(document)


def test_every_reference_of_the_api_document_resolves(app: FastAPI) -> None:
    document = app.openapi()
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert references <= document["components"]["schemas"].keys()
    assert {"AskIn", "SearchIn", "ChatIn", "TextIn", "WhereIn"} <= references
