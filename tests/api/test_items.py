from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from rag.types import Item, Query, Scope, SearchOptions, content_hash
from tests.api.conftest import CAT, FakeSystem, png, problem
from tests.clips import clip

ORIGINAL = f"/v1/items/{CAT.id}/original"


def put(system: FakeSystem, data: bytes, source: str = "x") -> str:
    """Store ``data`` as an item; returns its path."""
    item = Item("c" * 32, "default", "default", content_hash(data), (source,))
    system.store.items[item.id] = item
    system.blobs.blobs[item.content_hash] = data
    return f"/v1/items/{item.id}/original"


def test_a_picture_comes_back_byte_for_byte(client: httpx.Client) -> None:
    response = client.get(ORIGINAL)
    assert response.content == png()
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-length"] == str(len(png()))
    assert response.headers["content-disposition"] == 'inline; filename="cat.png"'
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "data",
    [b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"<html><script>", b"%PDF-1.7", b""],
)
def test_what_could_run_is_only_downloaded(client: httpx.Client, system: FakeSystem, data: bytes) -> None:
    response = client.get(put(system, data, "picture.svg"))
    assert response.content == data
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == 'attachment; filename="picture.svg"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("kind", "codec", "media_type"),
    [
        ("mp4", "mpeg4", "video/mp4"),
        ("mov", "mpeg4", "video/quicktime"),
        ("webm", "libvpx", "video/webm"),
        ("matroska", "mpeg4", None),
        ("avi", "mpeg4", None),
    ],
)
def test_a_video_is_played_in_ranges_where_browsers_know_its_kind(
    client: httpx.Client, system: FakeSystem, kind: str, codec: str, media_type: str | None
) -> None:
    data = clip(kind, shots=(1,), codec=codec)
    path = put(system, data, "film")
    response = client.get(path, headers={"range": "bytes=10-19"})
    assert (response.status_code, response.content) == (206, data[10:20])
    assert response.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert response.headers["content-type"] == (media_type or "application/octet-stream")
    assert response.headers["content-disposition"].startswith("inline" if media_type else "attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "media-src 'self'" in response.headers["content-security-policy"]


def test_items_of_other_collections_are_not_there(client: httpx.Client) -> None:
    problem(client.get(ORIGINAL, params={"collection": "other"}), 404)
    problem(client.get(f"/v1/items/{'0' * 32}/original"), 404)
    problem(client.get("/v1/items/..%2f..%2fetc/original"), 404)
    problem(client.get(ORIGINAL, params={"collection": "a\0b"}), 422)


def test_a_lost_original_is_said(client: httpx.Client, system: FakeSystem) -> None:
    system.blobs.blobs.clear()
    problem(client.get(ORIGINAL), 404)


def test_a_thumbnail_is_a_small_picture_and_is_kept(client: httpx.Client, system: FakeSystem) -> None:
    path = put(system, png(side=100)).replace("original", "thumbnail")
    system.settings = system.settings.model_copy(update={"thumbnail": 16})
    response = client.get(path)
    assert response.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(response.content)).size == (16, 16)
    assert list(system.blobs.thumbnails.values()) == [response.content]
    system.blobs.blobs.clear()
    assert client.get(path).content == response.content


def test_what_is_no_picture_has_no_thumbnail(client: httpx.Client, system: FakeSystem) -> None:
    problem(client.get(put(system, b"%PDF-1.7").replace("original", "thumbnail")), 404)
    problem(client.get(f"/v1/items/{CAT.id}/thumbnail", params={"collection": "other"}), 404)


@pytest.mark.parametrize("form", ["original", "thumbnail"])
def test_what_a_client_has_is_not_sent_again(client: httpx.Client, system: FakeSystem, form: str) -> None:
    path = ORIGINAL.replace("original", form)
    first = client.get(path)
    assert "max-age" in first.headers["cache-control"]
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert client.get(path, headers={"if-none-match": '"other"'}).content == first.content
    head = client.head(path)
    own = {"date": "", "x-request-id": ""}
    assert {**head.headers, **own} == {**first.headers, **own}
    assert (head.status_code, head.content) == (200, b"")
    system.blobs.thumbnails[CAT.content_hash] = b"of another size"
    changed = client.get(path, headers={"if-none-match": tag})
    assert changed.status_code == (304 if form == "original" else 200)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-3", 0, 4), ("bytes=4-", 4, 300), ("bytes=-10", 290, 300), ("bytes=299-9999", 299, 300),
     ("bytes=-9999", 0, 300), ("BYTES=1-1", 1, 2)],
)  # fmt: skip
def test_a_part_of_an_original(
    client: httpx.Client, system: FakeSystem, asked: str, start: int, end: int
) -> None:
    data = bytes(range(100)) * 3
    path = put(system, data)
    response = client.get(path, headers={"range": asked})
    assert response.status_code == 206
    assert response.content == data[start:end]
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/300"
    assert response.headers["content-length"] == str(end - start)
    assert response.headers["accept-ranges"] == "bytes"
    assert system.blobs.reads[-1] == (start, end), "more was read than is sent"


@pytest.mark.parametrize("asked", ["bytes=300-", "bytes=300-400", "bytes=-0"])
def test_a_part_beyond_the_end_is_refused(client: httpx.Client, system: FakeSystem, asked: str) -> None:
    response = client.get(put(system, b"x" * 300), headers={"range": asked})
    problem(response, 416)
    assert response.headers["content-range"] == "bytes */300"


@pytest.mark.parametrize("asked", ["bytes=2-1", "bytes=-", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", ""])
def test_what_is_no_single_range_gets_all(client: httpx.Client, system: FakeSystem, asked: str) -> None:
    response = client.get(put(system, b"x" * 300), headers={"range": asked})
    assert (response.status_code, len(response.content)) == (200, 300)


def test_a_part_of_another_version_is_not_mixed_in(client: httpx.Client) -> None:
    tag = client.get(ORIGINAL).headers["etag"]
    for version, status in ((tag, 206), (f"W/{tag}", 200), ('"other"', 200), ("Wed, 01 Jan 2025", 200)):
        response = client.get(ORIGINAL, headers={"range": "bytes=0-3", "if-range": version})
        assert response.status_code == status, version
        assert response.content == (png()[:4] if status == 206 else png())


def test_neighbours_are_of_the_same_collection_and_by_what_is_asked(
    client: httpx.Client, system: FakeSystem
) -> None:
    path = f"/v1/items/{CAT.id}/neighbours"
    assert client.get(path).json()["hits"][0]["item_id"] == CAT.id
    client.get(path, params={"by": "image", "limit": 3, "group": "none"})
    first, second = system.pipeline.calls
    assert (first.scope, first.query) == (Scope("default", "default"), Query(like=(CAT.id,)))
    assert second.query == Query(like=(CAT.id,), like_by="image")
    assert (second.limit, second.listing) == (3, SearchOptions("none"))
    problem(client.get(path, params={"collection": "other"}), 404)
    problem(client.get(path, params={"by": "smell"}), 422)
    assert len(system.pipeline.calls) == 2
