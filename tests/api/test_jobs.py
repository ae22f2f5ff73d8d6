"""Jobs, items and collections over HTTP, and the same from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from api.administration import Administration
from api.app import create_app
from api.cli.remote import Remote
from api.cli.remote_administration import RemoteAdministration
from ingest.run import ingest
from ingest.sources import walk
from rag.build import Olhar
from rag.errors import Conflict, NotFound, StoreUnavailable
from rag.types import Scope, content_hash, item_id
from tests.api.conftest import problem
from tests.ingest.conftest import FakeParts, add, in_place, picture, save
from tests.loopback import running

SCOPE = Scope("default", "photos")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(tmp_path / "served")
    yield parts
    parts.records.close()


@pytest.fixture
def client(parts: FakeParts) -> Iterator[httpx.Client]:
    app = create_app(cast(Olhar, parts), in_place(parts))
    with running(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client


def upload(client: httpx.Client, *numbers: int, **query: Any) -> httpx.Response:
    files = [("files", (f"{n}.png", picture(n))) for n in numbers]
    return client.post("/v1/collections/photos/items", files=files, params=query)


def the_id(number: int) -> str:
    return item_id(SCOPE, content_hash(picture(number)))


def events(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(event, id, data) of a stream of server-sent events."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def test_an_upload_is_a_job_that_can_be_followed(client: httpx.Client) -> None:
    response = upload(client, 1, 2, 3)
    assert response.status_code == 202
    job_id = response.json()["id"]
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert (job["state"], job["total"], job["done"]) == ("done", 3, 3)
    assert (job["counts"], job["collection"], job["remaining_s"]) == ({"indexed": 3}, "photos", 0)
    files = client.get(f"/v1/jobs/{job_id}/files").json()["files"]
    assert [(f["source"], f["status"], f["number"]) for f in files] == [
        (f"{n}.png", "indexed", n) for n in (1, 2, 3)
    ]
    assert set(files[0]["steps_ms"]) == {"fetch", "describe", "encode", "write", "verify"}
    assert client.get(f"/v1/jobs/{job_id}/files", params={"after": 1}).json()["files"] == files[2:]
    assert client.get(f"/v1/jobs/{job_id}/files", params={"status": "failed"}).json()["files"] == []
    assert [j["id"] for j in client.get("/v1/jobs").json()["jobs"]] == [job_id]


def test_receipts_are_told_as_events_and_none_twice(client: httpx.Client) -> None:
    job_id = upload(client, 1, 2, 3).json()["id"]
    response = client.get(f"/v1/jobs/{job_id}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    told = events(response.text)
    receipts = [(number, data["source"]) for kind, number, data in told if kind == "receipt"]
    assert receipts == [("1", "1.png"), ("2", "2.png"), ("3", "3.png")]
    assert told[-1][0] == "end"
    assert told[-1][2]["counts"] == {"indexed": 3}
    again = client.get(f"/v1/jobs/{job_id}/events", headers={"last-event-id": "2"})
    assert [number for kind, number, _ in events(again.text) if kind == "receipt"] == ["3"]
    problem(client.get(f"/v1/jobs/{'0' * 32}/events"), 404)


def test_what_failed_is_listed_and_can_be_repeated(client: httpx.Client, parts: FakeParts) -> None:
    def away() -> None:
        raise StoreUnavailable("Milvus is away")

    parts.store.before_get = away
    job_id = upload(client, 1, 2).json()["id"]
    parked = client.get("/v1/parked").json()["files"]
    assert [(f["source"], f["status"], f["retryable"], f["job_id"]) for f in parked] == [
        (f"{n}.png", "failed", True, job_id) for n in (1, 2)
    ]
    assert client.get("/v1/parked", params={"after": parked[0]["id"]}).json()["files"] == parked[1:]
    parts.store.before_get = lambda: None
    assert client.post(f"/v1/jobs/{job_id}/retry").status_code == 200
    assert client.get(f"/v1/jobs/{job_id}").json()["counts"] == {"indexed": 2}
    problem(client.post(f"/v1/jobs/{job_id}/retry"), 409)
    problem(client.post(f"/v1/jobs/{job_id}/cancel"), 409)
    problem(client.get(f"/v1/jobs/{'0' * 32}"), 404)
    problem(client.get("/v1/jobs/xyz"), 422)


def test_what_waits_can_be_cancelled(parts: FakeParts) -> None:
    app = create_app(cast(Olhar, parts))  # nobody works
    with running(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        job_id = upload(client, 1, 2).json()["id"]
        job = client.post(f"/v1/jobs/{job_id}/cancel").json()
        assert (job["state"], job["counts"]) == ("cancelled", {"failed": 2})
        told = events(client.get(f"/v1/jobs/{job_id}/events").text)
        assert [kind for kind, _, _ in told] == ["receipt", "receipt", "progress", "end"]


def test_items_are_listed_page_by_page(client: httpx.Client) -> None:
    upload(client, *range(5), wait=True)
    first = client.get("/v1/collections/photos/items", params={"limit": 3}).json()
    rest = client.get("/v1/collections/photos/items", params={"limit": 3, "after": first["next"]}).json()
    found = [item["item_id"] for item in first["items"] + rest["items"]]
    assert found == sorted(the_id(n) for n in range(5))
    assert rest["next"] == ""
    item = client.get(f"/v1/items/{the_id(2)}", params={"collection": "photos"}).json()
    assert (item["sources"], item["content_hash"]) == (["2.png"], content_hash(picture(2)))
    problem(client.get(f"/v1/items/{the_id(9)}", params={"collection": "photos"}), 404)


def test_deleting(client: httpx.Client, parts: FakeParts) -> None:
    upload(client, 1, 2, 3, wait=True)
    where = {"collection": "photos"}
    assert client.delete(f"/v1/items/{the_id(1)}", params=where).json() == {"items": 1}
    problem(client.delete(f"/v1/items/{the_id(1)}", params=where), 404)
    sources = "/v1/collections/photos/sources"
    assert client.delete(sources, params={"source": "2.png"}).json() == {"items": 1}
    problem(client.delete(sources, params={"source": "2.png"}), 404)
    problem(client.delete(sources), 422)
    assert client.delete("/v1/collections/photos").json() == {"items": 1}
    problem(client.delete("/v1/collections/photos"), 404)
    assert parts.store.saved == {}
    assert not any(parts.blobs.exists(content_hash(picture(n))) for n in (1, 2, 3))


def test_the_command_line_sees_the_same_here_and_through_a_server(
    client: httpx.Client, parts: FakeParts, tmp_path: Path
) -> None:
    add(tmp_path / "p", 2)
    save(tmp_path / "p" / "cut.png", picture(9)[:40])
    ingest(parts, SCOPE, walk([tmp_path / "p"]))
    here = Administration(cast(Olhar, parts), clock=lambda: 0)
    with Remote(str(client.base_url), parts.settings) as remote:
        there = remote.administration
        (job,) = here.jobs().jobs
        assert there.job(job.id) == here.job(job.id)
        assert there.jobs(limit=1) == here.jobs(limit=1)
        assert there.files(job.id, status="quarantined") == here.files(job.id, status="quarantined")
        assert there.parked() == here.parked()
        assert there.items("photos", limit=1) == here.items("photos", limit=1)
        assert there.item("photos", the_id(0)) == here.item("photos", the_id(0))
        assert there.collections() == here.collections()
        for admin in (here, there):
            _refuses_alike(admin, job.id)
        assert there.delete("photos", "item", the_id(0)).items == 1
        assert here.delete("photos", "source", str(tmp_path / "p" / "001.png")).items == 1
        assert there.retry(job.id, quarantined=True).done == 2
        assert there.job(job.id).counts == {"indexed": 2, "quarantined": 1}


def _refuses_alike(admin: Administration | RemoteAdministration, job_id: str) -> None:
    for missing in (lambda: admin.job("0" * 32), lambda: admin.item("photos", "0" * 32)):
        with pytest.raises(NotFound):
            missing()
    with pytest.raises(Conflict):
        admin.cancel(job_id)
    with pytest.raises(NotFound):
        admin.delete("nothing", "collection")


@pytest.mark.parametrize("where", ["here", "there"])
def test_what_does_not_agree_is_told_and_put_right(
    client: httpx.Client, parts: FakeParts, where: str
) -> None:
    assert client.get("/v1/reconcile").json() == {"ended_at": None, "found": 0, "left": 0, "counts": {}}
    upload(client, 1, 2)
    del parts.store.saved[the_id(1)]
    with Remote(str(client.base_url), parts.settings) as remote:
        here = Administration(cast(Olhar, parts), in_place(parts))
        administration = here if where == "here" else remote.administration
        found = administration.reconcile()
        assert (found.left, found.counts, found.jobs) == (1, {"no-item": 1}, [])
        told = found.differences[0]
        assert (told.kind, told.collection, told.name, told.remedy) == (
            "no-item",
            "photos",
            "1.png",
            "ingest",
        )
        assert administration.reconciled().left == 1
        repaired = administration.reconcile(repair=True)
        assert (repaired.left, len(repaired.jobs)) == (0, 1)
        assert client.get(f"/v1/jobs/{repaired.jobs[0]}").json()["counts"] == {"indexed": 1}
        assert the_id(1) in parts.store.saved
        assert administration.reconcile().counts == {}
    problem(client.post("/v1/reconcile"), 422)


def test_text_in_pictures_is_asked_for_and_counted(client: httpx.Client, parts: FakeParts) -> None:
    upload(client, 1, wait=True)
    refused = client.post("/v1/collections/photos/ocr")
    assert (refused.status_code, "OLHAR_OCR" in refused.text) == (422, True)
    parts.settings = parts.settings.model_copy(update={"ocr": "all"})
    answer = client.post("/v1/collections/photos/ocr")
    assert (answer.status_code, answer.json()) == (200, {"pending": 1, "done": 0, "skipped": 0})
    remote = RemoteAdministration(lambda method, route, **more: client.request(method, route, **more).json())
    assert remote.read_pictures("photos").pending == 1
    assert parts.records.readings.counts("default") == {"photos": {"pending": 1}}
