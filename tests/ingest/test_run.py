"""A receipt is true, and each file has one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest import steps
from ingest.descriptions import Description
from ingest.receipts import FileReceipt
from ingest.run import ingest
from ingest.sources import SourceFile, walk
from ingest.steps import Task
from rag.errors import InvalidInput
from rag.types import Scope, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, add, picture, save, text_vector


def given(name: str, data: bytes, description: Description | None = None) -> SourceFile:
    """A file as an upload gives it."""
    return SourceFile(name, lambda: data, description or Description())


def test_each_file_is_indexed_with_all_that_is_known(parts: FakeParts, photos: Path, run: Run) -> None:
    data = picture(1)
    path = save(photos / "a.png", data)
    save(photos / "a.json", '{"captions": ["a dog", "an animal"], "labels": ["dog"], "year": 2024}')
    (receipt,) = run().files
    sha256 = content_hash(data)
    assert receipt == FileReceipt(str(path), "indexed", item_id(SCOPE, sha256), "")
    row = parts.store.saved[receipt.item_id]
    assert row.item.content_hash == sha256
    assert row.item.sources == (str(path),)
    assert (row.item.tenant, row.item.collection) == (SCOPE.tenant, SCOPE.collection)
    assert (row.item.caption, row.item.text, row.item.tags) == ("a dog", "", ("dog",))
    assert row.item.metadata == {
        "year": 2024,
        "captions": ["an animal"],
        "caption_origin": "sidecar",
        "tags_origin": "sidecar",
    }
    assert (row.item.created_at, row.item.updated_at) == (1000, 1000)
    assert len(row.item.phash) == 16
    assert row.image_vector is not None
    assert row.caption_vector is not None
    assert np.array_equal(row.caption_vector, text_vector("a dog"))
    assert parts.blobs.get(sha256) == data


def test_without_a_caption_there_is_no_caption_vector(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)
    assert run().counts["indexed"] == 3
    assert all(row.caption_vector is None for row in parts.store.saved.values())
    assert "text_encoder" not in parts.asked


def test_all_captions_are_indexed_when_asked(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 1)
    save(photos / "000.json", '{"captions": ["one", "two"]}')
    run(all_captions=True)
    assert parts.fake.texts == ["one\ntwo"]
    assert parts.store.items["000.png"].text == "two"
    assert run(all_captions=True).counts["unchanged"] == 1
    assert run().counts["indexed"] == 1
    assert parts.store.items["000.png"].text == ""


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 64, 65, 150])
def test_any_number_of_files(parts: FakeParts, photos: Path, run: Run, count: int) -> None:
    add(photos, count)
    report = run()
    assert [Path(r.source).name for r in report.files] == [f"{n:03}.png" for n in range(count)]
    assert report.counts["indexed"] == count == len(parts.store.saved)


def test_a_second_run_changes_nothing_and_wakes_no_model(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 70)
    save(photos / "000.json", '{"captions": ["one", "two"], "labels": ["x"], "n": 1}')
    run()
    before, parts.asked = dict(parts.store.saved), []
    parts.store.calls.clear()
    assert run().counts == {"indexed": 0, "duplicate": 0, "unchanged": 70, "quarantined": 0, "failed": 0}
    assert parts.store.saved == before
    assert parts.asked == []
    assert parts.store.calls == []


def test_receipts_are_told_as_they_come(parts: FakeParts, photos: Path) -> None:
    add(photos, 10)
    told: list[FileReceipt] = []
    report = ingest(parts, SCOPE, walk([photos]), on_file=told.append)
    assert sorted(r.source for r in told) == [r.source for r in report.files]


def test_one_bad_file_hurts_no_other(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 6)
    save(photos / "cut.png", picture(100)[:50])
    save(photos / "text.jpg", "no picture")
    save(photos / "empty.gif", b"")
    save(photos / "notes.doc", "notes")
    report = run()
    assert report.counts == {"indexed": 6, "duplicate": 0, "unchanged": 0, "quarantined": 4, "failed": 0}
    reasons = {Path(r.source).name: r.reason for r in report.files if r.status == "quarantined"}
    assert set(reasons) == {"cut.png", "text.jpg", "empty.gif", "notes.doc"}
    assert "empty" in reasons["empty.gif"]
    assert "not a picture" in reasons["text.jpg"]
    assert all(not r.item_id for r in report.files if r.status == "quarantined")
    assert len(parts.store.saved) == 6


def test_what_is_too_large_is_never_read(photos: Path, tmp_path: Path) -> None:
    small = FakeParts(tmp_path / "small", max_bytes=1000, max_pixels=100)
    path = photos / "large.png"
    with path.open("wb") as file:
        file.truncate(10**13)
    Image.new("1", (11, 10)).save(photos / "wide.png")
    upload = given("upload.png", b"x" * 1001)
    large, wide, uploaded = ingest(small, SCOPE, [*walk([photos]), upload]).files
    assert large.status == wide.status == uploaded.status == "quarantined"
    assert "10,000,000,000,000 bytes" in large.reason
    assert "OLHAR_MAX_BYTES" in large.reason
    assert "OLHAR_MAX_BYTES" in uploaded.reason
    assert "OLHAR_MAX_PIXELS" in wide.reason


def test_a_file_that_vanishes_has_failed(photos: Path, run: Run) -> None:
    paths = add(photos, 3)
    files = list(walk([photos]))
    paths[1].unlink()
    report = run(files)
    assert [r.status for r in report.files] == ["indexed", "failed", "indexed"]
    assert "cannot be read" in report.files[1].reason


HOSTILE = [
    "a b.png",
    'q"uote.png',
    "q'uote.png",
    "line\nbreak.png",
    "日本語.png",
    "-rf.png",
    "%s.png",
    "\\.png",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(parts: FakeParts, photos: Path, run: Run, name: str) -> None:
    save(photos / name, picture(1))
    save(photos / (name[:-4] + ".txt"), "a caption")
    assert [(r.source, r.status) for r in run().files] == [(str(photos / name), "indexed")]
    assert parts.store.items[name].caption == "a caption"
    assert run().counts["unchanged"] == 1


def test_an_interruption_ends_at_once_and_loses_nothing(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 200)
    told: list[FileReceipt] = []

    def stop(receipt: FileReceipt) -> None:
        told.append(receipt)
        if len(told) == 70:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(parts, SCOPE, walk([photos]), on_file=stop)
    assert {r.item_id for r in told} <= set(parts.store.saved)
    assert len(parts.store.saved) < 200
    assert run().counts["failed"] == 0
    assert len(parts.store.saved) == 200


def test_only_a_window_of_the_files_is_held(
    parts: FakeParts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many files there are, reading never runs far ahead of writing."""
    add(photos, 200)
    done: list[FileReceipt] = []
    loaded: list[int] = []
    load = steps.load

    def watched(task: Task, scope: Scope, max_bytes: int, *, file_metadata: bool) -> None:
        loaded.append(len(done))
        load(task, scope, max_bytes, file_metadata=file_metadata)

    monkeypatch.setattr(steps, "load", watched)
    ingest(parts, SCOPE, walk([photos]), on_file=done.append)
    assert max(n - settled for n, settled in enumerate(loaded)) <= 5 * parts.settings.batch


def test_large_pictures_wait_small(parts: FakeParts, photos: Path, run: Run) -> None:
    Image.new("RGB", (3000, 1500)).save(photos / "a.png")
    seen: list[tuple[int, ...]] = []
    parts.fake.before = lambda things: seen.extend(np.shape(t) for t in things)
    run()
    ((height, width, _),) = seen
    assert width == pytest.approx(2 * height, abs=2)
    assert height * width <= 1024**2 + 2048


def test_a_scope_without_a_collection_is_refused(parts: FakeParts) -> None:
    with pytest.raises(InvalidInput, match="collection"):
        ingest(parts, Scope("tenant"), [])


def test_a_name_that_is_no_utf8(parts: FakeParts, photos: Path, run: Run) -> None:
    save(Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png")), picture(1))
    assert run().counts["indexed"] == 1
    assert run().counts["unchanged"] == 1
    assert parts.store.items["caf\\xe9.png"].source.encode()
