from __future__ import annotations

import base64
import json
import stat
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from api.links import DAY_S, NAME, Link, Links
from rag.errors import Unavailable
from tests.api.conftest import CAT, FakeSystem, png, problem

LINK = Link("t", "c", "a" * 32, "original", 2_000)


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_browser_sees_a_picture_without_any_header(client: httpx.Client) -> None:
    made = client.post("/v1/links", json={"items": [CAT.id, "0" * 32], "seconds": 60}).json()
    (links,) = made["links"]
    assert links["item_id"] == CAT.id
    original = client.get(links["original"])
    assert (original.content, original.headers["content-type"]) == (png(), "image/png")
    assert original.headers["cross-origin-resource-policy"] == "cross-origin"
    assert int(original.headers["cache-control"].rpartition("=")[2]) <= 60
    small = client.get(links["thumbnail"])
    assert small.headers["content-type"] == "image/webp"
    part = client.get(links["original"], headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, png()[:4])
    tag = original.headers["etag"]
    assert client.get(links["original"], headers={"if-none-match": tag}).status_code == 304


def test_a_link_to_what_was_deleted_leads_nowhere(client: httpx.Client, system: FakeSystem) -> None:
    (links,) = client.post("/v1/links", json={"items": [CAT.id]}).json()["links"]
    system.store.items.clear()
    problem(client.get(links["original"]), 404)


def test_of_another_collection_no_links_are_made(client: httpx.Client) -> None:
    body = {"items": [CAT.id], "collection": "other"}
    assert client.post("/v1/links", json=body).json()["links"] == []


@pytest.mark.parametrize("link", ["x", "..x", "a.b", "é.é", "a" * 900])
def test_what_was_not_signed_here_is_refused(client: httpx.Client, link: str) -> None:
    problem(client.get(f"/v1/links/{link}"), 403)


@pytest.mark.parametrize(
    "other",
    [
        replace(LINK, tenant="u"),
        replace(LINK, collection="d"),
        replace(LINK, item_id="b" * 32),
        replace(LINK, form="thumbnail"),
        replace(LINK, expires_at=9_999_999),
    ],
)
def test_no_part_of_a_link_can_be_changed(tmp_path: Path, other: Link) -> None:
    links = Links(tmp_path, 1, Clock(1_000))
    said, signature = links.sign(LINK).split(".")
    assert links.read(f"{said}.{signature}") == LINK
    fields = [other.tenant, other.collection, other.item_id, other.form, other.expires_at]
    forged = base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")
    assert links.read(f"{forged}.{signature}") is None
    for broken in ("", ".", signature[:-2], f"{signature}\udc00", signature + "."):
        assert links.read(f"{said}.{broken}") is None


def test_a_link_ends_when_it_says(tmp_path: Path) -> None:
    clock = Clock(1_999)
    links = Links(tmp_path, 1, clock)
    signed = links.sign(LINK)
    assert links.read(signed) == LINK
    clock.now = 2_000
    assert links.read(signed) is None


def test_keys_are_kept_over_a_restart_and_for_nobody_else(tmp_path: Path) -> None:
    signed = Links(tmp_path, 1, Clock(1_000)).sign(LINK)
    assert Links(tmp_path, 1, Clock(1_000)).read(signed) == LINK
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    (tmp_path / NAME).unlink()
    assert Links(tmp_path, 1, Clock(1_000)).read(signed) is None


def test_keys_change_and_what_they_signed_holds_to_its_end(tmp_path: Path) -> None:
    clock = Clock(0)
    links = Links(tmp_path, 2, clock)
    links.sign(LINK)
    clock.now = 2 * DAY_S - 1
    late = replace(LINK, expires_at=3 * DAY_S - 1)
    signed = links.sign(late)
    clock.now = 2 * DAY_S + 1
    assert links.sign(late) != signed
    assert links.read(signed) == late
    clock.now = 3 * DAY_S + 1
    links.sign(late)
    assert len(json.loads((tmp_path / NAME).read_text())) == 1, "the first key is still known"


def test_keys_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("nonsense")
    with pytest.raises(Unavailable, match=NAME):
        Links(tmp_path, 1).sign(LINK)
