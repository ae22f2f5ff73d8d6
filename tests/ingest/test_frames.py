"""Frames of animations and pages of TIFFs as items, with the promises that pictures have."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ingest.descriptions import Description
from ingest.ocr_pass import catch_up
from ingest.parts import DOCUMENT
from ingest.reconcile import reconcile
from ingest.removal import remove
from ingest.run import ingest
from ingest.sources import SourceFile
from rag.errors import Unavailable
from rag.images import decode
from rag.types import Item, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, add, save, statuses

COLOURS = ("red", "lime", "blue", "yellow")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(tmp_path / "parts", frames="even:3", pages=3, max_pixels=10_000)
    yield parts
    parts.records.close()


def series(kind: str, size: tuple[int, int] = (12, 8)) -> bytes:
    first, *others = (Image.new("RGB", size, colour) for colour in COLOURS)
    out = io.BytesIO()
    first.save(out, kind, save_all=True, append_images=others)
    return out.getvalue()


def children(parts: FakeParts) -> list[Item]:
    return sorted((r.item for r in parts.store.saved.values() if r.item.parent_id), key=lambda i: i.part)


def test_frames_are_items_beside_the_first(parts: FakeParts, photos: Path, run: Run) -> None:
    data = series("GIF")
    path = save(photos / "party.gif", data)
    (receipt,) = run().files
    assert (receipt.status, receipt.reason) == ("indexed", "3 of 4 frames")
    own = parts.store.saved[receipt.item_id]
    assert (own.item.modality, own.item.part, own.item.page) == ("image", "", 0)
    assert own.image_vector is not None
    assert own.item.metadata[DOCUMENT] == {"kind": "animation", "frames": 4, "passages": 0, "figures": 2}
    two, three = children(parts)
    assert [(i.part, i.page, i.parent_id) for i in (two, three)] == [
        ("frame-2", 2, receipt.item_id),
        ("frame-3", 3, receipt.item_id),
    ]
    assert two.id == item_id(SCOPE, content_hash(data), "frame-2")
    assert two.is_frame
    assert two.sources == (str(path),)
    assert two.metadata == {"title": "party.gif"}
    assert two.phash
    assert tuple(decode(parts.blobs.get(three.content_hash), max_pixels=1000)[4, 6]) == (0, 0, 255)
    assert parts.store.saved[three.id].image_vector is not None
    before = dict(parts.store.saved)
    assert statuses(run()) == {"party.gif": "unchanged"}
    assert parts.store.saved == before


def test_pages_are_items_and_those_left_out_are_told(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "scan.tif", series("TIFF"))
    (receipt,) = run().files
    assert receipt.status == "indexed"
    assert receipt.reason == "3 of 4 pages; the pages from 4 on were left out (OLHAR_PAGES)"
    assert [(item.part, item.page) for item in children(parts)] == [("page-2", 2), ("page-3", 3)]
    assert not children(parts)[0].is_frame


def test_a_bad_frame_hurts_only_itself_and_what_follows(photos: Path, run: Run) -> None:
    add(photos, 1)
    data = series("GIF", (60, 40))
    save(photos / "cut.gif", data[: len(data) * 2 // 3])
    report = run()
    assert statuses(report) == {"000.png": "indexed", "cut.gif": "indexed"}
    (reason,) = (receipt.reason for receipt in report.files if receipt.source.endswith("cut.gif"))
    assert "left out: the picture is" in reason


def test_no_further_frames_unless_they_are_wanted(tmp_path: Path, photos: Path) -> None:
    parts = FakeParts(tmp_path / "others")
    save(photos / "party.gif", series("GIF"))
    (receipt,) = ingest(parts, SCOPE, [SourceFile.of(photos / "party.gif")]).files
    assert (receipt.status, receipt.reason) == ("indexed", "")
    assert len(parts.store.saved) == 1
    parts.records.close()


def test_sources_and_tags_reach_frames_and_all_go_together(parts: FakeParts, photos: Path, run: Run) -> None:
    data = series("GIF")

    def upload(source: str, tag: str) -> SourceFile:
        return SourceFile(source, lambda: data, Description(tags=(tag,)), replaces=True)

    run([upload("a.gif", "one")])
    run([upload("b.gif", "one")])
    assert {item.sources for item in children(parts)} == {("a.gif", "b.gif")}
    run([upload("a.gif", "two")])
    assert {item.tags for item in children(parts)} == {("two",)}
    assert remove(parts, SCOPE, "source", "a.gif") == 0
    assert {item.sources for item in children(parts)} == {("b.gif",)}
    hashes = {row.item.content_hash for row in parts.store.saved.values()}
    assert len(hashes) == 3
    remove(parts, SCOPE, "source", "b.gif")
    assert not parts.store.saved
    assert not any(parts.blobs.exists(sha256) for sha256 in hashes)
    assert not list(photos.iterdir())


def test_other_bytes_at_the_same_place_take_the_frames_away(parts: FakeParts, photos: Path, run: Run) -> None:
    path = save(photos / "party.gif", series("GIF"))
    run()
    add(photos, 1)
    (photos / "000.png").replace(path)
    assert run().counts["indexed"] == 1
    assert len(parts.store.saved) == 1


def test_text_is_read_of_all_pages_and_of_no_frame(tmp_path: Path, photos: Path) -> None:
    parts = FakeParts(tmp_path / "reading", frames="even:3", ocr="documents")
    parts.records.readings.take = lambda _: []  # type: ignore[method-assign,assignment]  # nothing is read here
    save(photos / "scan.tif", series("TIFF"))
    save(photos / "party.gif", series("GIF"))
    ingest(parts, SCOPE, [SourceFile.of(path) for path in sorted(photos.iterdir())])
    ids = [row.item.id for row in parts.store.saved.values()]
    wanted = {row.item.id for row in parts.store.saved.values() if row.item.source.endswith("scan.tif")}
    assert len(wanted) == 4
    assert set(parts.records.readings.known(SCOPE, ids)) == wanted
    catch_up(parts, SCOPE)
    assert set(parts.records.readings.known(SCOPE, ids)) == wanted
    parts.records.close()


def test_a_crash_while_frames_are_read_leaves_the_first(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.frames.FURTHER", "tests.ingest.sandbox_tasks:die_of_frames")
    save(photos / "party.gif", series("GIF"))
    (receipt,) = run().files
    assert receipt.status == "indexed"
    assert receipt.reason.startswith("only its first picture was taken: ")
    assert len(parts.store.saved) == 1


def test_an_incomplete_animation_is_read_again(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "party.gif", series("GIF"))
    run()
    lost = children(parts)[0]
    del parts.store.saved[lost.id]
    report = reconcile(parts, repair=True)
    assert [difference.kind for difference in report.differences] == ["incomplete-document"]
    run([])
    again = parts.store.saved[lost.id].item
    assert again == replace(lost, updated_at=again.updated_at, created_at=again.created_at)


def test_pictures_that_cannot_be_had_again_fail_their_file_alone(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read again when their turn comes to be encoded."""
    add(photos, 1)
    save(photos / "party.gif", series("GIF"))

    def away(_: str) -> bytes:
        raise Unavailable("the disk is away")

    monkeypatch.setattr(parts.blobs, "get", away)
    report = run()
    assert statuses(report) == {"000.png": "indexed", "party.gif": "failed"}
