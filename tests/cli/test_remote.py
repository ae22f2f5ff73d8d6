"""Work through a server is the same as in process, whatever one file or the server does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from api.app import create_app
from api.cli import remote as remote_module
from api.cli.backend import differing, open_backend
from api.cli.doctor import examine
from api.cli.local import Local
from api.cli.remote import Remote
from api.owner import Server, acquire, decided
from api.query_schemas import SearchIn
from api.schemas import FileOut, IngestOut
from ingest.descriptions import CAPTION_BYTES, Description
from ingest.receipts import FileReceipt
from ingest.sources import SourceFile, walk
from rag.build import Olhar
from rag.errors import Conflict, InvalidInput, NotFound
from rag.settings import Settings
from tests.ingest.conftest import FakeParts, in_place, picture, save
from tests.loopback import running


@pytest.fixture
def parts(tmp_path: Path) -> FakeParts:
    return FakeParts(tmp_path / "served")


@pytest.fixture
def remote(parts: FakeParts) -> Iterator[Remote]:
    """A command line whose server works with ``parts``."""
    app = create_app(cast(Olhar, parts), in_place(parts))  # the routes used here want no more of a system
    with running(app) as url, Remote(url, parts.settings) as remote:
        yield remote


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for n in range(6):
        save(folder / f"{n}.png", picture(n))
    return folder


def ingest(backend: Remote | Local, files: Sequence[SourceFile], *, all_captions: bool = False) -> IngestOut:
    told: list[FileOut] = []
    report = backend.ingest(files, collection="photos", all_captions=all_captions, on_file=told.append)
    assert sorted(told, key=str) == sorted(report.files, key=str)
    assert [file.source for file in report.files] == [file.source for file in files]
    return report


def local(folder: Path) -> Local:
    return Local(cast(Olhar, FakeParts(folder)))


def test_the_receipts_are_those_of_work_in_process(remote: Remote, photos: Path, tmp_path: Path) -> None:
    """Also after a file has moved, and where descriptions are cut."""
    here = local(tmp_path / "here")
    save(photos / "1.txt", "first")
    save(photos / "2.txt", "é" * CAPTION_BYTES)
    save(photos / "3.json", json.dumps({"captions": ["a", "b" * 70_000], "labels": ["t" * 600], "x": "y"}))
    save(photos / "4.json", '{"caption": "kept", "endless": 1e999}')
    save(photos / "copy.png", picture(0))
    save(photos / "a folder" / "broken.png", b"no picture")
    for all_captions in (False, True):
        files = list(walk([photos]))
        assert ingest(remote, files, all_captions=all_captions) == ingest(
            here, files, all_captions=all_captions
        )
    (photos / "1.png").rename(photos / "moved.png")
    save(photos / "moved.txt", "another caption")
    files = list(walk([photos / "moved.png"]))
    told = ingest(remote, files)
    assert told == ingest(here, files)
    assert (told.files[0].status, told.files[0].reason) == ("indexed", "its description changed")


def test_a_name_that_is_no_place_replaces_nothing(remote: Remote, parts: FakeParts) -> None:
    for n in (1, 2):
        data = picture(n)
        assert ingest(remote, [SourceFile("any name.png", lambda data=data: data)]).counts["indexed"] == 1  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert len(parts.store.saved) == 2


def test_one_file_that_is_refused_hurts_no_other(remote: Remote, photos: Path) -> None:
    files = list(walk([photos]))
    odd = SourceFile("x" * 20_000, lambda: picture(9), replaces=True)  # longer than the server takes
    told = ingest(remote, [*files[:4], odd, *files[4:]])
    assert [file.status for file in told.files] == [*["indexed"] * 4, "quarantined", *["indexed"] * 2]
    assert "10000" in told.files[4].reason


def test_descriptions_count_as_bytes(remote: Remote, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six descriptions that together exceed what one request may hold."""
    monkeypatch.setattr(remote_module, "DESCRIPTION_BYTES", 100_000)
    sent: list[str] = []
    post = remote._post

    def watched(route: str, **body: Any) -> Any:
        sent.append(body["data"]["descriptions"])
        return post(route, **body)

    monkeypatch.setattr(remote, "_post", watched)
    files = [
        SourceFile.of(path, Description(metadata={"x": "y" * 40_000})) for path in sorted(photos.iterdir())
    ]
    assert ingest(remote, files).counts["indexed"] == 6
    assert len(sent) == 3
    assert max(map(len, sent)) <= 100_000


def test_what_is_cut_anyway_is_not_sent_and_said(
    remote: Remote, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.forms.FIELD_BYTES", 20_000)
    (told,) = ingest(remote, [SourceFile.of(photos / "1.png", Description("x" * 1_000_000))]).files
    assert told.status == "indexed"
    assert told.reason == f"caption cut from 1000000 to {CAPTION_BYTES} bytes"


@pytest.mark.parametrize("status", [503, 409, 404])
def test_when_the_server_goes_receipts_stay_and_the_rest_has_failed(
    remote: Remote, photos: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(remote_module, "BATCH_FILES", 2)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) > 1:
            return httpx.Response(status, json={"detail": "it went away"})
        done = [FileOut(source=f, status="indexed", item_id="b" * 32, reason="") for f in "ab"]
        return httpx.Response(200, json=IngestOut(collection="c", files=done, counts={}).model_dump())

    remote._http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server")
    refused = SourceFile.refuse("notes.pdf", "quarantined", "no picture")
    told = remote.ingest(
        [*walk([photos]), refused], collection="photos", all_captions=False, on_file=lambda _: None
    )
    assert told.counts == {"indexed": 2, "duplicate": 0, "unchanged": 0, "quarantined": 1, "failed": 4}
    assert {file.reason for file in told.files if file.status == "failed"} == {"it went away"}
    assert told.files[-1] == FileOut.of(cast(FileReceipt, refused.refused))
    assert len(asked) == 2


def test_a_bug_of_the_server_fails_the_file_that_meets_it(
    remote: Remote, parts: FakeParts, photos: Path
) -> None:
    bad = picture(3)
    real = parts.blobs.put

    def put(sha256: str, data: bytes) -> bool:
        if data == bad:
            raise RuntimeError("a bug")
        return real(sha256, data)

    parts.blobs.put = put  # type: ignore[method-assign]  # a bug is put in
    assert [f.status for f in ingest(remote, list(walk([photos]))).files].count("failed") == 1


def test_a_search_asks_for_as_many_as_are_set(
    remote: Remote, parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def post(_: str, **body: Any) -> Any:
        asked.append(body["json"].get("limit"))
        return {"hits": [], "warnings": []}

    monkeypatch.setattr(remote, "_post", post)
    remote.search(SearchIn(text="x"), [])
    remote.search(SearchIn(text="x", limit=3), [])
    assert asked == [parts.settings.limit, 3]


def settings(data: Path, **values: object) -> Settings:
    return Settings.model_validate({"data": data, **values})


def test_another_tenant_is_refused(tmp_path: Path) -> None:
    with acquire(tmp_path) as owner:
        owner.publish("http://127.0.0.1:9", **decided(settings(tmp_path, tenant="alice")))
        with (
            pytest.raises(Conflict, match=r"OLHAR_TENANT is 'bob' here and 'alice' for .*127\.0\.0\.1:9"),
            open_backend(settings(tmp_path, tenant="bob")),
        ):
            pass
        with pytest.raises(Conflict, match="OLHAR_TENANT"), open_backend(settings(tmp_path)):
            pass
        with open_backend(settings(tmp_path, tenant="alice")) as backend:
            assert isinstance(backend, Remote)


def test_what_is_set_otherwise_than_for_the_server_is_refused_by_name(tmp_path: Path) -> None:
    server = Server("http://server", decided(settings(tmp_path, llm="ollama:a", evidence=7)))
    assert differing(settings(tmp_path), server) == []
    assert differing(settings(tmp_path, llm="ollama:a", evidence=7), server) == []
    (told,) = differing(settings(tmp_path, llm="ollama:b"), server)
    for part in ("OLHAR_LLM", "ollama:a", "ollama:b", "http://server", "restart"):
        assert part in told
    other = {"encoder": "x", "relevance": 0.5, "evidence": 1, "candidates": 11, "milvus_uri": "http://m"}
    assert len(differing(settings(tmp_path, **other), server)) == len(other)


def test_a_password_is_not_published(tmp_path: Path) -> None:
    told = decided(settings(tmp_path, milvus_uri="http://me:secret@host:1"))
    assert "secret" not in json.dumps(told)


def test_doctor_asks_the_server(tmp_path: Path, parts: FakeParts) -> None:
    parts.store.before_get = lambda: (_ for _ in ()).throw(Conflict("the store is gone"))
    mine = settings(tmp_path / "data")
    with running(create_app(cast(Olhar, parts), in_place(parts))) as url, acquire(mine.data) as owner:
        owner.publish(url, **decided(mine))
        reports = {report.part: report for report in examine(mine)}
    assert (reports["store"].state, reports["encoder"].state) == ("failed", "ok")
    assert (reports["text encoder"].state, reports["text encoder"].chosen) == ("ok", mine.encoder)
    assert "the store is gone" in reports["store"].detail
    assert reports["language model"].state == "failed"  # these parts have none
    assert url in reports["data folder"].detail


def test_doctor_says_when_the_server_does_not_answer(tmp_path: Path) -> None:
    mine = settings(tmp_path)
    with acquire(tmp_path) as owner:
        owner.publish("http://127.0.0.1:9", **decided(mine))
        states = {report.part: report.state for report in examine(mine)}
    assert states == {
        "data folder": "ok", "encoder": "failed", "text encoder": "failed", "language model": "failed",
        "store": "failed", "reranker": "skipped", "captioner": "skipped", "originals": "ok",
        "reconciliation": "failed",
    }  # fmt: skip


def test_doctor_looks_at_the_originals(tmp_path: Path) -> None:
    (tmp_path / "originals").write_text("in the way")
    mine = settings(tmp_path)
    with acquire(tmp_path) as owner:
        owner.publish("http://127.0.0.1:9", **decided(mine))
        states = {report.part: report.state for report in examine(mine)}
    assert states["originals"] == "failed"
    os.remove(tmp_path / "originals")


def test_pictures_that_look_alike_are_those_of_work_in_process(
    remote: Remote, photos: Path, tmp_path: Path
) -> None:
    here = local(tmp_path / "here")
    save(photos / "0.bmp", picture(0, "BMP"))
    for backend in (remote, here):
        ingest(backend, list(walk([photos])))
    found = remote.duplicates(0, collection="photos")
    assert found == here.duplicates(0, collection="photos")
    assert [[Path(one.sources[0]).name for one in group] for group in found.groups] in (
        [["0.bmp", "0.png"]],
        [["0.png", "0.bmp"]],
    )
    assert found.looked_at == 7


def test_an_item_is_edited_as_in_process(remote: Remote, photos: Path, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    save(photos / "1.json", '{"caption": "a dog", "tags": ["dog"], "place": "Lisboa"}')
    files = [file for file in walk([photos]) if file.source.endswith("1.png")]
    said: dict[str, Any] = {"caption": "a wolf", "tags": ["wolf"], "metadata": {"place": None, "by": "Ana"}}
    for backend in (remote, here):
        (receipt,) = ingest(backend, files).files
        admin = backend.administration
        assert admin.item("photos", receipt.item_id).caption_origin == "sidecar"
        after = admin.edit("photos", receipt.item_id, said)
        assert (after.caption, after.tags, after.metadata) == ("a wolf", ["wolf"], {"by": "Ana"})
        assert (after.caption_origin, after.tags_origin) == ("person", "person")
        assert after.edited == ["caption", "tags", "metadata.place", "metadata.by"]
        assert ingest(backend, files).files[0].status == "unchanged"
        assert admin.item("photos", receipt.item_id) == after
        back = admin.edit("photos", receipt.item_id, {"caption": None})
        assert (back.caption, back.tags) == ("a dog", ["wolf"])
        with pytest.raises(NotFound):
            admin.edit("photos", "0" * 32, {"caption": "x"})
        with pytest.raises(InvalidInput, match="Olhar's own"):
            admin.edit("photos", receipt.item_id, {"metadata": {"edited": []}})
