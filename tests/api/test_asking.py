from __future__ import annotations

import base64
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from starlette.types import Message

from api.turns import Turns
from rag.images import WORKING_SIDE, working_picture
from rag.types import AllOf, Scope, SearchOptions, Trace, Turn, Where
from tests.api.conftest import FakeSystem, Served, png, problem

URI = "data:image/png;base64," + base64.b64encode(png()).decode()


@pytest.mark.parametrize("path", ["/v1/search", "/v1/ask"])
def test_json_and_form_ask_for_the_same(client: httpx.Client, system: FakeSystem, path: str) -> None:
    where = {"field": "tags", "op": "contains", "value": "cat"}
    more = {"where": "page>2", "group": "all", "negative": ["dog", "red ball"], "like": "b" * 32}
    as_json = {"image": URI, "limit": 3, "filter": where, "diversity": 0.5, **more}
    as_form = {"limit": "3", "filter": json.dumps(where), "diversity": "0.5", **more}
    as_form["negative"] = json.dumps(more["negative"])
    for body in (as_json, as_form):
        body |= {"text": "chat à la fenêtre", "collection": "c"}
    assert client.post(path, json=as_json).status_code == 200
    assert client.post(path, data=as_form, files={"image": ("a.png", png())}).status_code == 200
    for call in system.pipeline.calls:
        assert call.scope == Scope("default", "c")
        assert call.query.text == "chat à la fenêtre"
        assert call.query.image is not None
        np.testing.assert_array_equal(call.query.image[0, 0], [200, 30, 30])
        assert call.limit == 3
        assert call.where == AllOf((Where("tags", "contains", "cat"), Where("page", "gt", 2)))
        assert (call.query.negative, call.query.like) == (("dog", "red ball"), ("b" * 32,))
        assert call.listing == SearchOptions("all", 0.5)
    assert len(system.pipeline.calls) == 2


def test_what_is_left_out_comes_from_the_settings(client: httpx.Client, system: FakeSystem) -> None:
    client.post("/v1/search", json={"text": "x"})
    (call,) = system.pipeline.calls
    assert call.scope == Scope("default", "default")
    assert (call.limit, call.where, call.query.image) == (None, None, None)


def test_a_search_answers_in_its_shape(client: httpx.Client) -> None:
    body = client.post("/v1/search", json={"text": "x"}).json()
    assert body.keys() == {"hits", "rerank", "warnings", "next"}
    assert body["hits"][0]["legs"] == {
        "image": 0.3,
        "caption": 0.7,
        "bm25": None,
        "rerank": None,
        "ocr": None,
        "agreement": None,
        "named": None,
    }


def test_answers_are_reranked_unless_told_not_to_and_searches_when_told(
    client: httpx.Client, system: FakeSystem
) -> None:
    client.post("/v1/search", json={"text": "x"})
    client.post("/v1/ask", json={"text": "x"})
    client.post("/v1/search", data={"text": "x", "rerank": "true"}, files={"image": ("a.png", png())})
    client.post("/v1/ask", json={"text": "x", "rerank": False})
    assert [call.rerank for call in system.pipeline.calls] == [None, None, True, False]


def test_a_search_takes_several_pictures_a_page_and_all_collections(
    client: httpx.Client, system: FakeSystem
) -> None:
    files = [("image", (f"{n}.png", png())) for n in range(2)]
    page = {"offset": "20", "everywhere": "true"}
    assert client.post("/v1/search", data=page, files=files).status_code == 200
    body = {"images": [URI, URI], "offset": 20, "everywhere": True}
    assert client.post("/v1/search", json=body).status_code == 200
    for call in system.pipeline.calls:
        assert len(call.query.pictures) == 2
        assert call.scope == Scope("default", None)
        assert call.listing.offset == 20
    problem(client.post("/v1/ask", json={"text": "x", "offset": 20}), 422)


def test_earlier_turns_go_with_a_question_but_not_with_a_search(
    client: httpx.Client, system: FakeSystem
) -> None:
    turns = [{"role": "user", "text": "Is there a dog?"}, {"role": "assistant", "text": "Yes."}]
    assert client.post("/v1/ask", json={"text": "Where?", "history": turns}).status_code == 200
    form = {"text": "Where?", "history": json.dumps(turns)}
    assert client.post("/v1/ask", data=form, files={"image": ("a.png", png())}).status_code == 200
    for call in system.pipeline.calls:
        assert list(call.history) == [Turn("user", "Is there a dog?"), Turn("assistant", "Yes.")]
    said = problem(client.post("/v1/search", json={"text": "Where?", "history": turns}), 422)
    assert "history" in said["detail"]
    problem(client.post("/v1/ask", json={"text": "x", "history": [{"role": "tool", "text": "y"}]}), 422)


def test_how_the_question_was_understood_is_shown(client: httpx.Client, system: FakeSystem) -> None:
    trace = Trace("en", "Where is the dog?", 12.5, "rewritten")
    system.pipeline.answer = replace(system.pipeline.answer, trace=trace)
    assert client.post("/v1/ask", json={"text": "Where?"}).json()["trace"] == {
        "language": "en", "rewritten": "Where is the dog?", "ms": 12.5, "state": "rewritten", "reason": "",
    }  # fmt: skip


def test_an_answer_has_its_shape(client: httpx.Client) -> None:
    body = client.post("/v1/ask", json={"text": "x"}).json()
    assert body["answer"] == "A cat [1]."
    assert body["citations"] == [{"marker": 1, "item_id": "a" * 32, "source": "photos/cat.png"}]
    assert body["evidence"][0]["marker"] == 1
    assert body["rerank"] == {"state": "skipped", "reason": "no reranker is set"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"json": {"text": "  "}}, 422),
        ({"json": {}}, 422),
        ({"json": {"image": "http://127.0.0.1:9/a.png"}}, 422),  # not a public address
        ({"json": {"image": "file:///etc/passwd"}}, 400),
        ({"json": {"image": "data:image/png;base64,@@@"}}, 400),
        ({"json": {"image": "data:image/png;base64,"}}, 400),
        ({"json": {"image": URI + "é"}}, 400),
        ({"files": {"image": ("a.png", png(side=101))}}, 400),
        ({"files": {"image": ("a.png", b"x" * 20_001)}}, 413),
        ({"files": [("image", (f"{n}.png", png())) for n in range(11)]}, 400),
        ({"json": {"text": "x", "where": "tags<x"}}, 422),
        ({"json": {"text": "x", "group": "tags"}}, 422),
        ({"json": {"text": "x", "diversity": 1.1}}, 422),
        ({"json": {"text": "x", "offset": -1}}, 422),
        ({"json": {"text": "x", "everywhere": True, "collection": "c"}}, 422),
        ({"json": {"negative": "x"}}, 422),
        ({"json": {"text": "x", "images": [URI] * 10, "image": URI}}, 422),
        ({"files": {"image": ("a.png", png())}, "data": {"like": "[1"}}, 422),
        ({"files": {"image": ("a.png", png())}, "data": {"filter": "{"}}, 422),
        ({"files": {"image": ("a.png", png())}, "data": {"limit": "many"}}, 422),
        ({"files": {"image": ("a.png", png())}, "data": {"text": ["a", "b"]}}, 422),
        ({"files": {"image": ("a.png", png()), "text": ("t", b"x")}}, 422),
    ],
)
def test_what_cannot_be_asked(client: httpx.Client, system: FakeSystem, arguments: Any, status: int) -> None:
    problem(client.post("/v1/search", **arguments), status)
    assert not system.pipeline.calls


def test_a_large_picture_is_shrunk_as_in_ingestion(client: httpx.Client, system: FakeSystem) -> None:
    system.settings = system.settings.model_copy(update={"max_pixels": 10**7})
    large = png(side=1500)
    assert client.post("/v1/search", files={"image": ("a.png", large)}).status_code == 200
    image = system.pipeline.calls[-1].query.image
    assert image is not None
    np.testing.assert_array_equal(image, working_picture(large, max_pixels=10**7).pixels)
    assert image.shape == (WORKING_SIDE, WORKING_SIDE, 3)


@pytest.mark.parametrize("charset", ["undefined", "zlib", "utf-16"])
def test_a_form_in_a_charset_that_is_not_read_is_refused(client: httpx.Client, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\na dog\r\n--b--\r\n'
    headers = {"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
    assert "UTF-8" in problem(client.post("/v1/search", content=body, headers=headers), 415)["detail"]


def test_too_many_searches_at_a_time_are_told_to_wait(
    client: httpx.Client, url: str, served: Served, system: FakeSystem
) -> None:
    served.app.state.searches = Turns(1, 1, "searches are under way", "OLHAR_SEARCHES")
    go = threading.Event()
    system.pipeline.wait = lambda: go.wait(20)

    def post() -> httpx.Response:
        return httpx.post(f"{url}/v1/search", json={"text": "dog"}, timeout=30, trust_env=False)

    with ThreadPoolExecutor(2) as others:
        waiting = [others.submit(post) for _ in range(2)]  # one searches, one waits
        for _ in range(500):
            if served.app.state.searches.waiting:
                break
            time.sleep(0.01)
        refused = client.post("/v1/search", json={"text": "dog"})
        go.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert "OLHAR_SEARCHES" in problem(refused, 429)["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert client.post("/v1/search", json={"text": "dog"}).status_code == 200


def request_of(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def test_searches_that_were_not_sent_whole_hold_up_nobody(
    client: httpx.Client, url: str, served: Served
) -> None:
    served.app.state.searches = Turns(1, 0, "searches are under way", "OLHAR_SEARCHES")
    head, _ = request_of("/v1/search", {"text": "dog"}).split(b"\r\n\r\n")
    host, port = url.removeprefix("http://").split(":")
    begun = [socket.create_connection((host, int(port))) for _ in range(3)]
    try:
        for connection in begun:
            connection.sendall(head + b"\r\n\r\n")
        assert client.get("/health/live").status_code == 200  # by now they are there too
        assert client.post("/v1/search", json={"text": "dog"}).status_code == 200
    finally:
        for connection in begun:
            connection.close()


def test_the_turn_of_a_search_ends_before_its_result_is_sent(served: Served, system: FakeSystem) -> None:
    _, body = request_of("/v1/search", {"text": "dog"}).split(b"\r\n\r\n")
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/search", "headers": headers, "query_string": b""}
    turns = served.app.state.searches
    found: list[int] = []
    sent: list[tuple[str, int]] = []
    system.pipeline.wait = lambda: found.append(turns.running)

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:  # a client that reads nothing would hold it up here
        sent.append((message["type"], turns.running))

    anyio.run(served.app, scope, receive, send)
    assert found == [1]
    assert sent == [("http.response.start", 0), ("http.response.body", 0)]
