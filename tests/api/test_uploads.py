"""Uploads over real HTTP: archives are opened, and nothing of what is not put down stays behind."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from api.app import create_app
from rag.build import Olhar
from rag.errors import RecordsUnavailable
from rag.types import Scope
from tests.api.conftest import problem
from tests.full_disk import room_for
from tests.ingest.conftest import FakeParts, in_place, picture
from tests.loopback import running

ROUTE = "/v1/collections/photos/items"
SCOPE = Scope("default", "photos")


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[tuple[httpx.Client, FakeParts]]:
    """A server of its own, with these settings."""
    parts = FakeParts(folder / "served", **{"max_bytes": 2**20, "archive_files": 10, **settings})
    app = create_app(cast(Olhar, parts), in_place(parts))
    with running(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client, parts
    parts.records.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[httpx.Client, FakeParts]]:
    with serving(tmp_path) as served:
        yield served


@pytest.fixture
def client(served: tuple[httpx.Client, FakeParts]) -> httpx.Client:
    return served[0]


@pytest.fixture
def parts(served: tuple[httpx.Client, FakeParts]) -> FakeParts:
    return served[1]


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # any mode of writing
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def receipts(
    client: httpx.Client, files: list[tuple[str, bytes]], **fields: Any
) -> dict[str, tuple[str, str]]:
    """Status and reason by source."""
    sent = [("files", file) for file in files]
    response = client.post(ROUTE, params={"wait": True}, files=sent, data=fields)
    assert response.status_code == 200, response.text
    return {file["source"]: (file["status"], file["reason"]) for file in response.json()["files"]}


def left(parts: FakeParts) -> list[Path]:
    """Files among what was sent."""
    return [path for path in Path(parts.staged.url).rglob("*") if path.is_file()]


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_archives_are_opened_and_each_member_has_its_receipt(client: httpx.Client, parts: FakeParts) -> None:
    members = {"a.png": picture(1), "a.txt": b"a dog", "sub/b.png": picture(2), "../c.png": picture(3)}
    found = receipts(
        client,
        [
            ("plain.png", picture(4)),
            ("trip.zip", zipped(members)),
            ("more.tar.gz", tarred({"d.png": picture(5), "e.txt": b"", "bad.jpg": b"no picture"})),
        ],
    )
    assert {source: status for source, (status, _) in found.items()} == {
        "plain.png": "indexed",
        "trip.zip!/a.png": "indexed",
        "trip.zip!/sub/b.png": "indexed",
        "trip.zip!/../c.png": "quarantined",
        "more.tar.gz!/d.png": "indexed",
        "more.tar.gz!/e.txt": "quarantined",
        "more.tar.gz!/bad.jpg": "quarantined",
    }
    assert parts.store.items["a.png"].caption == "a dog"
    assert len(parts.store.saved) == 4


def test_a_bad_archive_hurts_no_other_file(client: httpx.Client) -> None:
    many = zipped({f"{n}.png": picture(n) for n in range(11)})
    found = receipts(
        client,
        [("bad.zip", b"PK nothing"), ("many.zip", many), ("cut.tar", b"x" * 700), ("a.png", picture(1))],
    )
    assert {source: status for source, (status, _) in found.items()} == {
        "bad.zip": "failed",
        "many.zip": "failed",
        "cut.tar": "failed",
        "a.png": "indexed",
    }
    assert "OLHAR_ARCHIVE_FILES" in found["many.zip"][1]


def test_what_is_said_of_an_archive_is_said_of_its_files(client: httpx.Client, parts: FakeParts) -> None:
    data = zipped({"a.png": picture(1), "a.json": b'{"tags": ["own"]}', "b.png": picture(2)})
    told = [{"source": "/trips/one.zip", "tags": ["trip"], "metadata": {"year": 2024}}]
    found = receipts(client, [("x.zip", data)], descriptions=json.dumps(told))
    assert set(found) == {"/trips/one.zip!/a.png", "/trips/one.zip!/b.png"}
    assert {name: item.tags for name, item in parts.store.items.items()} == {
        "a.png": ("own",),
        "b.png": ("trip",),
    }
    assert all(item.metadata["year"] == 2024 for item in parts.store.items.values())
    # It names a place: what lies there is replaced.
    receipts(client, [("x.zip", zipped({"a.png": picture(3)}))], descriptions=json.dumps(told))
    assert len(parts.store.saved) == 2
    receipts(client, [("x.zip", zipped({"a.png": picture(4)}))])
    receipts(client, [("x.zip", zipped({"a.png": picture(5)}))])
    assert len(parts.store.saved) == 4


def test_files_go_into_the_staging_area_as_they_come(client: httpx.Client, parts: FakeParts) -> None:
    """Half of a large file was sent: it is there, and gone when the client hangs up."""
    head = (
        f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 5000000\r\n\r\n"
    )
    part = '--b\r\nContent-Disposition: form-data; name="files"; filename="{}"\r\n\r\n'
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(head.encode() + part.format("one.png").encode() + picture(1) + b"\r\n")
        connection.sendall(part.format("two.png").encode() + b"x" * 1_000_000)
        connection.sendall(b"\r\n" + part.format("three.png").encode() + b"x" * 900_000)
        wait_until(lambda: len(left(parts)) >= 2)
        assert any(path.name.endswith(".part") for path in left(parts)) or len(left(parts)) == 2
    wait_until(lambda: not left(parts))
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize("kind", ["cut", "unknown", "twice", "many", "descriptions", "down", "slow"])
def test_nothing_stays_of_an_upload_that_is_refused(
    client: httpx.Client, parts: FakeParts, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[tuple[str, tuple[str, bytes]]] = [
        ("files", ("a.png", picture(1))),
        ("files", ("b.zip", b"PK")),
    ]
    fields: dict[str, Any] = {}
    status = 422
    if kind == "unknown":
        files.append(("other", ("c.png", picture(2))))
    elif kind == "twice":
        fields = {"all_captions": ["true", "true"]}
    elif kind == "many":
        monkeypatch.setattr("api.routes.uploads.UPLOAD_FILES", 1)
        status = 413
    elif kind == "slow":
        monkeypatch.setattr("api.routes.uploads.UPLOAD_S", -1)
        status = 408
    elif kind == "descriptions":
        fields = {"descriptions": "[]"}
    elif kind == "down":

        def away(*_: object, **__: object) -> str:
            raise RecordsUnavailable("away")

        monkeypatch.setattr(parts.records.jobs, "submit", away)
        status = 503
    request = client.build_request("POST", ROUTE, files=files, data=fields)
    if kind == "cut":
        body = request.read()[:-10]
        status = 400
        headers = {"content-type": request.headers["content-type"]}
        request = client.build_request("POST", ROUTE, content=body, headers=headers)
    problem(client.send(request), status)
    assert not left(parts)


def test_a_form_without_a_boundary_is_refused(client: httpx.Client) -> None:
    headers = {"content-type": "multipart/form-data"}
    problem(client.post(ROUTE, content=b"x", headers=headers), 400)
    problem(client.post(ROUTE, json={}), 415)


def test_a_file_beyond_the_limit_leaves_nothing(client: httpx.Client, parts: FakeParts) -> None:
    found = receipts(client, [("large.png", b"x" * (2**20 + 1)), ("a.png", picture(1))])
    assert found["large.png"][0] == "quarantined"
    assert "1,048,577" in found["large.png"][1]
    assert found["a.png"][0] == "indexed"
    assert not left(parts)


@pytest.mark.parametrize("name", ["large.png", "large.zip"])
def test_a_full_disk_is_said_and_nothing_stays(client: httpx.Client, parts: FakeParts, name: str) -> None:
    files = [("files", ("a.png", picture(1))), ("files", (name, b"x" * 1_000_000))]
    with room_for(700_000):
        refused = problem(client.post(ROUTE, files=files), 503)
    assert ("TMPDIR" if name.endswith("zip") else "OLHAR_BLOBS") in refused["detail"]
    assert not left(parts)
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_other_files_go_when_what_is_half_there_cannot_be_removed(
    client: httpx.Client, parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = os.remove

    def locked(path: str) -> None:
        if str(path).endswith(".part"):
            raise PermissionError(13, "Permission denied", path)
        remove(path)

    files = [("files", ("a.png", picture(1))), ("files", ("large.png", b"x" * 1_000_000))]
    with room_for(700_000), monkeypatch.context() as patch:
        patch.setattr(os, "remove", locked)
        problem(client.post(ROUTE, files=files), 503)
    assert [path.suffix for path in left(parts)] == [".part"]


def test_a_full_disk_is_no_damage_of_an_archive(client: httpx.Client) -> None:
    data = tarred({"a.png": picture(1), "b.bin": bytes(900_000)})
    with room_for(700_000):
        found = receipts(client, [("x.tar.gz", data), ("c.png", picture(2))])
    assert found["c.png"][0] == "indexed"
    assert found["x.tar.gz"][0] == "failed"
    assert "TMPDIR" in found["x.tar.gz"][1]


ODD = ["zlib", "hex", "undefined", "idna", "klingon", "utf-16", "\xff"]


def form(charset: str, told: bytes, of_text: str = "") -> dict[str, Any]:
    """The body and headers of a form with one picture and what is said of it."""
    part = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = part.format("files", '; filename="a.png"').encode() + picture(1) + b"\r\n"
    body += part.format("descriptions", of_text).encode("latin-1") + told + b"\r\n--b--\r\n"
    kind = f"multipart/form-data; boundary=b{charset}".encode("latin-1")
    return {"content": body, "headers": {"content-type": kind}, "params": {"wait": True}}


@pytest.mark.parametrize("charset", ODD)
def test_a_charset_that_is_not_read_is_said(client: httpx.Client, parts: FakeParts, charset: str) -> None:
    for sent in (
        form(f"; charset={charset}", b"[]"),
        form("", b"[]", f"\r\nContent-Type: text/plain; charset={charset}"),
    ):
        assert "UTF-8" in problem(client.post(ROUTE, **sent), 415)["detail"]
    assert not left(parts)


@pytest.mark.parametrize("charset", ["", "utf-8", "UTF8", "us-ascii", "iso-8859-1", "Latin1", '"utf-8"'])
def test_texts_are_read_in_their_charset(client: httpx.Client, parts: FakeParts, charset: str) -> None:
    latin = charset[:1] in ("i", "L")
    told = '[{"caption": "pão"}]'.encode("latin-1" if latin else "utf-8")
    for sent in (
        form(f"; charset={charset}", told),
        form("", told, f"\r\nContent-Type: text/plain; charset={charset}"),
    ):
        assert client.post(ROUTE, **sent).status_code == 200
        assert parts.store.items["a.png"].caption == "pão"
        client.delete(f"/v1/items/{parts.store.items['a.png'].id}", params={"collection": "photos"})


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archives_of_an_upload_unpack_to_no_more_than_one(tmp_path: Path, kind: str) -> None:
    """Three of 30,000 bytes and some, where 90,000 may be unpacked; what is no picture counts too."""

    def archive(n: int) -> bytes:
        members = {"a.png": picture(n), "b.png": bytes(30_000)}
        return zipped(members) if kind == "zip" else tarred(members, f"w:{kind.partition('.')[2]}")

    with serving(tmp_path, archive_bytes=90_000) as (client, _):
        found = receipts(client, [(f"{n}.{kind}", archive(n)) for n in range(3)])
        beyond = [reason for source, (_, reason) in found.items() if source.startswith("2.")]
        assert any("OLHAR_ARCHIVE_BYTES" in reason and "together" in reason for reason in beyond)
        assert not any("together" in reason for source, (_, reason) in found.items() if source[0] != "2")
        # The next upload has all of it again.
        again = receipts(client, [(f"2.{kind}", archive(2))])
    assert again[f"2.{kind}!/a.png"][0] in ("indexed", "unchanged")
    assert not any("together" in reason for _, reason in again.values())


def test_an_upload_gives_no_more_files_than_allowed(tmp_path: Path) -> None:
    with serving(tmp_path, source_files=3) as (client, parts):
        data = zipped({f"{n}.png": picture(n) for n in range(5)})
        found = receipts(client, [("a.png", picture(7)), ("x.zip", data), ("b.png", picture(8))])
        assert not left(parts)
    assert {source: status for source, (status, _) in found.items()} == {
        "a.png": "indexed",
        "x.zip!/0.png": "indexed",
        "x.zip!/1.png": "indexed",
        "x.zip!/2.png": "failed",
    }
    assert "OLHAR_SOURCE_FILES" in found["x.zip!/2.png"][1]


def test_two_files_of_one_name_are_both_taken(client: httpx.Client, parts: FakeParts) -> None:
    receipts(client, [("a.png", picture(1)), ("a.png", picture(2))])
    assert len(parts.store.saved) == 2
