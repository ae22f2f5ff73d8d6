from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from rag.types import Item, content_hash
from tests.api.conftest import CAT, FakeSystem, png, problem


def put(system: FakeSystem, data: bytes) -> str:
    """Store ``data`` as an item; returns its path."""
    item = Item("c" * 32, "default", "default", content_hash(data), ("x",))
    system.store.items[item.id] = item
    system.blobs.blobs[item.content_hash] = data
    return f"/v1/items/{item.id}/original"


def test_a_picture_comes_back_byte_for_byte(client: httpx.Client) -> None:
    response = client.get(f"/v1/items/{CAT.id}/original")
    assert response.content == png()
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == "inline"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "data",
    [b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"<html><script>", b"%PDF-1.7", b""],
)
def test_what_could_run_is_only_downloaded(client: httpx.Client, system: FakeSystem, data: bytes) -> None:
    response = client.get(put(system, data))
    assert response.content == data
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"
    assert "sandbox" in response.headers["content-security-policy"]


def test_items_of_other_collections_are_not_there(client: httpx.Client) -> None:
    problem(client.get(f"/v1/items/{CAT.id}/original", params={"collection": "other"}), 404)
    problem(client.get(f"/v1/items/{'0' * 32}/original"), 404)
    problem(client.get("/v1/items/..%2f..%2fetc/original"), 404)
    problem(client.get(f"/v1/items/{CAT.id}/original", params={"collection": "a\0b"}), 422)


def test_a_lost_original_is_said(client: httpx.Client, system: FakeSystem) -> None:
    system.blobs.blobs.clear()
    problem(client.get(f"/v1/items/{CAT.id}/original"), 404)


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
