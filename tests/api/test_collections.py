from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import CapacityLimiter
from fastapi import Request

from api.routes.answering import while_there
from ingest.descriptions import Description
from ingest.queue import Queue
from tests.api.conftest import FakeQueue, Served, problem
from tests.ingest.conftest import FakeParts, in_place

ITEMS = "/v1/collections/trip/items?wait=true"


def test_collections_are_listed(client: httpx.Client) -> None:
    body = client.get("/v1/collections").json()
    assert body == {
        "collections": [{"name": "default", "images": 1, "passages": 0, "ocr": {}, "captions": {}}]
    }


def test_files_are_ingested_with_their_descriptions(client: httpx.Client, fake_queue: FakeQueue) -> None:
    described = [
        {"source": "/a/b/one.png", "captions": ["first", "second"], "labels": ["x"], "tags": ["y", "x"]},
        None,
        {"caption": "main", "captions": ["other"], "metadata": {"year": 2020}},
    ]
    files = [("files", (name, name.encode() * 1000)) for name in ("one.png", "two.png", "three.png")]
    response = client.post(ITEMS, files=files, data={"descriptions": json.dumps(described)})
    assert response.status_code == 200, response.text
    assert [f.source for f, _ in fake_queue.files] == ["/a/b/one.png", "two.png", "three.png"]
    assert [f.description for f, _ in fake_queue.files] == [
        Description("first", ("second",), ("x", "y")),
        Description(),
        Description("main", ("other",), (), {"year": 2020}),
    ]
    assert [data[:9] for _, data in fake_queue.files] == [b"one.pngon", b"two.pngtw", b"three.png"]
    assert [f.replaces for f, _ in fake_queue.files] == [True, False, False]
    assert not fake_queue.all_captions
    body = response.json()
    assert body["collection"] == "trip"
    assert [f["status"] for f in body["files"]] == ["indexed"] * 3


def test_a_file_that_is_too_large_is_refused_alone(client: httpx.Client, fake_queue: FakeQueue) -> None:
    files = [("files", ("large.png", b"x" * 2_000_000)), ("files", ("small.png", b"y"))]
    body = client.post(ITEMS, files=files).json()
    assert [f["status"] for f in body["files"]] == ["quarantined", "indexed"]
    assert "2,000,000" in body["files"][0]["reason"]
    assert [data for _, data in fake_queue.files] == [b"y"]


def test_an_odd_caption_is_left_to_ingestion(client: httpx.Client, fake_queue: FakeQueue) -> None:
    data = {"descriptions": r'[{"caption": "a\ud800b\u0000", "tags": ["' + "t" * 20_000 + '"]}]'}
    assert client.post(ITEMS, files={"files": ("a.png", b"x")}, data=data).status_code == 200
    ((file, _),) = fake_queue.files
    assert file.description.caption == "a?b\0"
    assert len(file.description.tags[0]) == 20_000


def test_descriptions_by_file_name(client: httpx.Client, fake_queue: FakeQueue) -> None:
    data = {"descriptions": json.dumps({"b.png": {"caption": "bee"}}), "all_captions": "true"}
    files = [("files", (name, b"x")) for name in ("a.png", "b.png")]
    assert client.post(ITEMS, files=files, data=data).status_code == 200
    assert [f.description.caption for f, _ in fake_queue.files] == ["", "bee"]
    assert fake_queue.all_captions


@pytest.mark.parametrize(
    "data",
    [
        {"descriptions": "[]"},
        {"descriptions": "[null, null]"},
        {"descriptions": '{"b.png": {}}'},
        {"descriptions": '[{"caption": "x", "nonsense": 1}]'},
        {"descriptions": '[{"source": "\\u0000"}]'},
        {"descriptions": '[{"metadata": {"x": NaN}}]'},
        {"descriptions": "[" * 100_000},
        {"descriptions": "7"},
        {"descriptions": "{"},
        {"all_captions": "perhaps"},
        {"nonsense": "1"},
    ],
)
def test_descriptions_that_cannot_be_meant(client: httpx.Client, fake_queue: FakeQueue, data: Any) -> None:
    problem(client.post(ITEMS, files={"files": ("a.png", b"x")}, data=data), 422)
    assert not fake_queue.files


def test_an_upload_needs_files_and_a_proper_name(client: httpx.Client, fake_queue: FakeQueue) -> None:
    problem(client.post(ITEMS, files={"other": ("a", b"x")}), 422)
    problem(client.post("/v1/collections/-bad/items", files={"files": ("a", b"x")}), 422)
    too_many = [("files", ("a", b"x"))] * 1001
    assert "1000" in problem(client.post(ITEMS, files=too_many), 413)["detail"]
    assert not fake_queue.files


def test_urls_are_fetched_by_the_server_paths_are_not(client: httpx.Client, fake_queue: FakeQueue) -> None:
    route = "/v1/collections/trip/urls?wait=true"
    for spec in ("/etc/passwd", "file:///etc/passwd", "photos", "http://user:secret@host/a.jpg"):
        problem(client.post(route, json={"urls": [spec]}), 422)
    assert not fake_queue.files
    problem(client.post(route, json={"urls": []}), 422)
    problem(client.post(route, json={"urls": ["http://a.example/"], "path": "x"}), 422)


def until(true: Callable[[], object]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_waits_for_a_job_or_hung_up_keeps_nobody_from_uploading(
    client: httpx.Client, served: Served, fake_queue: FakeQueue
) -> None:
    served.app.state.waiting = CapacityLimiter(1)
    fake_queue.goes_on = True
    upload = partial(client.post, ITEMS, files={"files": ("a.png", b"x")})
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(upload, timeout=30)
        until(lambda: fake_queue.looks)
        with pytest.raises(httpx.ReadTimeout):
            upload(timeout=0.3)
        assert len(fake_queue.receipts) == 2
        fake_queue.goes_on = False
        assert upload(timeout=5).status_code == 200
        assert waits.result().status_code == 200


def test_nobody_looks_for_a_client_that_hung_up(
    client: httpx.Client, fake_queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    ends = while_there

    async def seen(request: Request, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await ends(request, work)
        finally:
            ended.append(True)

    monkeypatch.setattr("api.routes.putting.while_there", seen)
    fake_queue.goes_on = True
    with pytest.raises(httpx.ReadTimeout):
        client.post(ITEMS, files={"files": ("a.png", b"x")}, timeout=0.3)
    until(lambda: ended)
    assert fake_queue.looks


def test_who_waits_for_a_job_is_told_when_the_server_ends(
    client: httpx.Client, served: Served, fake_queue: FakeQueue
) -> None:
    fake_queue.goes_on = True
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(client.post, ITEMS, files={"files": ("a.png", b"x")})
        until(lambda: fake_queue.looks)
        served.app.state.ending = True
        detail = problem(waits.result(), 503)["detail"]
    (job_id,) = fake_queue.receipts
    assert f"the job {job_id} goes on" in detail


def test_the_server_does_not_reach_this_machine(client: httpx.Client, served: Served, tmp_path: Path) -> None:
    parts = FakeParts(tmp_path)
    served.app.state.queue = Queue(parts, in_place(parts))
    body = {"urls": [f"http://127.0.0.1:{client.base_url.port}/health"]}
    answer = client.post("/v1/collections/trip/urls?wait=true", json=body)
    assert answer.status_code == 200
    (file,) = answer.json()["files"]
    assert file["status"] == "quarantined"
    assert "OLHAR_FETCH_ALLOW" in file["reason"]
