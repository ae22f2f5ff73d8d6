"""When a part fails, the receipts say so, and the next run mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from ingest.batch import BatchRun
from ingest.retrying import Patience
from ingest.run import ingest
from ingest.sources import walk
from ingest.steps import Task
from ingest.writing import Writer
from rag.errors import InvalidInput, ModelUnavailable, StoreUnavailable
from rag.types import Matrix, Pixels, Row, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, add, in_place, picture, save, statuses


def test_a_picture_that_breaks_the_encoder_is_found(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 9)
    Image.new("RGB", (3, 3)).save(photos / "odd.png")

    def choke(things: Sequence[Any]) -> None:
        if any(np.shape(thing) == (3, 3, 3) for thing in things):
            raise RuntimeError("cannot do three by three")

    parts.fake.before = choke
    report = run()
    assert {name for name, status in statuses(report).items() if status != "indexed"} == {"odd.png"}
    assert report.files[-1].status == "failed"
    assert "three by three" in report.files[-1].reason
    parts.fake.before = lambda _: None
    assert run().counts == {"indexed": 1, "duplicate": 0, "unchanged": 9, "quarantined": 0, "failed": 0}


def test_a_caption_that_breaks_the_encoder_is_found(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 5)
    for n in range(5):
        save(photos / f"{n:03}.txt", "odd" if n == 2 else "fine")

    def choke(things: Sequence[Any]) -> None:
        if "odd" in things:
            raise ValueError("no such word")

    parts.fake.before = lambda things: choke(things) if isinstance(things[0], str) else None
    report = run()
    assert [r.status for r in report.files] == ["indexed", "indexed", "failed", "indexed", "indexed"]
    assert len(parts.store.saved) == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_useless_vector_is_not_stored(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    add(photos, 3)
    whole = parts.fake.encode_images

    def holed(images: Sequence[Pixels]) -> Matrix:
        vectors = whole(images)
        vectors[1] = value
        return vectors

    monkeypatch.setattr(parts.fake, "encode_images", holed)
    assert [r.status for r in run().files] == ["indexed", "failed", "indexed"]


def test_without_a_model_nothing_is_blamed_on_the_files(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 100)

    def gone(_: Sequence[Any]) -> None:
        if parts.fake.pictures >= 64:
            raise ModelUnavailable("the model is away (OLHAR_ENCODER)")

    parts.fake.before = gone
    with pytest.raises(ModelUnavailable):
        run()
    parts.fake.before = lambda _: None
    assert run().counts["failed"] == 0
    assert len(parts.store.saved) == 100


def test_a_row_that_is_refused_hurts_no_other(parts: FakeParts, photos: Path, run: Run) -> None:
    paths = add(photos, 6)

    def picky(rows: Sequence[Row]) -> None:
        if any(row.item.source == str(paths[3]) for row in rows):
            raise InvalidInput("row is odd")

    parts.store.before_upsert = picky
    report = run()
    assert statuses(report) == {p.name: "quarantined" if p == paths[3] else "indexed" for p in paths}
    assert report.files[3].reason == "row is odd"


def test_a_store_that_fails_once_fails_its_batch_only(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 130)
    batches: list[int] = []

    def fail_first(rows: Sequence[Row]) -> None:
        batches.append(len(rows))
        if len(batches) == 1:
            raise StoreUnavailable("Milvus broke off")

    parts.store.before_upsert = fail_first
    report = run()
    assert report.counts["failed"] == batches[0] == 4
    assert report.counts["indexed"] == 126
    failed = next(r for r in report.files if r.status == "failed")
    assert "Milvus broke off; trying again may help" in failed.reason
    assert run().counts == {"indexed": 4, "duplicate": 0, "unchanged": 126, "quarantined": 0, "failed": 0}


def test_a_store_that_cannot_be_read_fails_the_files(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)

    def away() -> None:
        raise StoreUnavailable("Milvus is away")

    parts.store.before_get = away
    assert run().counts["failed"] == 3
    assert parts.asked == []


def test_indexed_is_said_only_of_what_can_be_read(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 5)
    lost = content_hash(picture(2))

    def lose() -> None:
        for row in list(parts.store.saved.values()):
            if row.item.content_hash == lost:
                del parts.store.saved[row.item.id]

    parts.store.before_get = lose
    report = run()
    assert [r.status for r in report.files] == ["indexed", "indexed", "failed", "indexed", "indexed"]
    assert "read back" in report.files[2].reason


def test_a_late_read_is_no_failure(parts: FakeParts, photos: Path, run: Run) -> None:
    """While a flush runs, a read may give the row as it was before."""
    add(photos, 1)
    save(photos / "000.txt", "old")
    run()
    save(photos / "000.txt", "new")
    (stale,) = parts.store.saved.values()
    fresh: list[Row] = []

    def late() -> None:
        (row,) = parts.store.saved.values()
        if row.item.caption == "new":
            parts.store.saved[row.item.id] = stale
            fresh.append(row)
        elif fresh:
            parts.store.saved[row.item.id] = fresh[0]
            parts.store.before_get = lambda: None

    parts.store.before_get = late
    assert run().counts["indexed"] == 1
    assert parts.store.items["000.png"].caption == "new"


def test_the_original_is_kept_before_the_row_is_written(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 10)
    kept: list[bool] = []
    parts.store.before_upsert = lambda rows: kept.extend(
        parts.blobs.exists(row.item.content_hash) for row in rows
    )
    run()
    assert kept == [True] * 10


def test_without_room_for_the_original_there_is_no_item(photos: Path, tmp_path: Path) -> None:
    parts = FakeParts(tmp_path / "parts")
    save(tmp_path / "parts" / "originals", "a file where the folder should be")
    add(photos, 2)
    report = ingest(parts, SCOPE, walk([photos]), patience=Patience((0.0,)))
    assert report.counts["failed"] == 2
    assert "OLHAR_BLOBS" in report.files[0].reason
    assert not parts.store.saved


@pytest.mark.parametrize("left", [None, b"cut"])
def test_an_original_that_is_lost_is_put_back(
    parts: FakeParts, photos: Path, run: Run, left: bytes | None
) -> None:
    add(photos, 3)
    run()
    lost = content_hash(picture(1))
    (original,) = (path for path in Path(parts.blobs.url).rglob(lost))
    original.unlink()
    if left is not None:
        original.write_bytes(left)
    save(photos / "000 again.png", picture(1))
    report = run()
    assert report.counts["unchanged"] == 3
    assert parts.blobs.get(lost) == picture(1)
    told = [receipt.reason for receipt in report.files if "put back" in receipt.reason]
    assert told
    assert not any(receipt.reason for receipt in run().files)


def test_an_original_that_cannot_be_put_back_has_failed(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 1)
    run()
    shutil.rmtree(parts.blobs.url)
    Path(parts.blobs.url).touch()
    (receipt,) = run().files
    assert receipt.status == "failed"
    assert "OLHAR_BLOBS" in receipt.reason


def test_what_was_written_while_the_store_went_away_is_told_by_a_retry(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written, but nobody could say so: it keeps its original and its place."""
    add(photos, 1)
    plain = parts.store.upsert

    def cut_off(rows: Sequence[Row]) -> None:
        plain(rows)
        raise StoreUnavailable("away")

    monkeypatch.setattr(parts.store, "upsert", cut_off)
    (receipt,) = run().files
    assert receipt.status == "failed"
    (item,) = (row.item for row in parts.store.saved.values())
    assert parts.blobs.exists(item.content_hash)
    assert parts.records.places.sources_of(SCOPE, [item.id]) == {item.id: [item.source]}
    monkeypatch.setattr(parts.store, "upsert", plain)
    (job,) = parts.records.jobs.latest(SCOPE.tenant)
    parts.records.jobs.retry(SCOPE.tenant, job.id)
    run([])
    (row,) = parts.records.jobs.files(SCOPE.tenant, job.id)
    assert (row.status, row.item_id) == ("indexed", item.id)


def test_what_another_job_made_meanwhile_is_unchanged_for_a_retry(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(photos, 1)

    def away(_: Sequence[Row]) -> None:
        raise StoreUnavailable("away")

    plain = parts.store.upsert
    monkeypatch.setattr(parts.store, "upsert", away)
    assert run().counts["failed"] == 1
    (job,) = parts.records.jobs.latest(SCOPE.tenant)
    monkeypatch.setattr(parts.store, "upsert", plain)
    assert run().counts["indexed"] == 1
    parts.records.jobs.retry(SCOPE.tenant, job.id)
    run([])
    (row,) = parts.records.jobs.files(SCOPE.tenant, job.id)
    assert row.status == "unchanged"


def test_a_changed_file_is_in_one_place_also_when_its_batch_was_broken_off(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = photos / "a.png"
    save(path, picture(1))
    run()
    save(path, picture(2))
    with monkeypatch.context() as broken:
        broken.setattr(BatchRun, "_note_places", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run()
    in_place(parts)()  # what is under way is finished; the file is not sent again
    placed = parts.records.places.of(SCOPE, [str(path)])
    assert [place.item_id for place in placed] == [item_id(SCOPE, content_hash(picture(2)))]
    assert list(parts.store.saved) == [placed[0].item_id]


@pytest.mark.parametrize("also", [True, False], ids=["former item has another source", "sole source"])
def test_a_changed_file_is_told_only_when_it_has_left_its_former_item(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch, *, also: bool
) -> None:
    """The new item is there, then the store goes away: the former one must not stay for nothing."""
    path = photos / "a.png"
    save(path, picture(1))
    if also:
        save(photos / "b.png", picture(1))
    run()
    save(path, picture(2))
    former, new = (item_id(SCOPE, content_hash(picture(n))) for n in (1, 2))
    with monkeypatch.context() as away:
        gone = StoreUnavailable("away")
        plain = parts.store.upsert

        def once(rows: Sequence[Row]) -> None:
            if any(row.item.id == former for row in rows):
                raise gone
            plain(rows)

        away.setattr(parts.store, "upsert", once)
        away.setattr(parts.store, "delete", Mock(side_effect=gone))
        told = {Path(receipt.source).name: receipt for receipt in run().files}
    assert told["a.png"].status == "failed"
    assert "former" in told["a.png"].reason
    assert new in parts.store.saved
    (job, *_) = parts.records.jobs.latest(SCOPE.tenant)
    parts.records.jobs.retry(SCOPE.tenant, job.id)
    run([])
    row = next(row for row in parts.records.jobs.files(SCOPE.tenant, job.id) if row.source == str(path))
    assert (row.status, row.item_id) == ("indexed", new)
    assert set(parts.store.saved) == ({former, new} if also else {new})
    assert parts.store.saved[new].item.sources == (str(path),)
    assert not also or parts.store.saved[former].item.sources == (str(photos / "b.png"),)


def refuse(_: Row) -> bool:
    raise InvalidInput("row is too long")


@pytest.mark.parametrize("taken", [refuse, lambda _: False], ids=["refused", "not read back"])
def test_a_former_item_that_cannot_be_written_is_told_to_the_file_that_should_leave_it(
    parts: FakeParts,
    photos: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    taken: Callable[[Row], bool],
) -> None:
    for name in ("a.png", "b.png"):
        save(photos / name, picture(1))
    run()
    save(photos / "a.png", picture(2))
    save(photos / "c.png", picture(3))
    former = item_id(SCOPE, content_hash(picture(1)))
    plain = parts.store.upsert

    def upsert(rows: Sequence[Row]) -> None:
        plain([row for row in rows if row.item.id != former or taken(row)])

    with monkeypatch.context() as broken:
        broken.setattr("ingest.writing.READ_BACK_SECONDS", 0)
        broken.setattr(parts.store, "upsert", upsert)
        told = {Path(receipt.source).name: receipt for receipt in run().files}
    assert {name: receipt.status for name, receipt in told.items()} == {
        "a.png": "failed",
        "b.png": "unchanged",
        "c.png": "indexed",
    }
    assert "former bytes" in told["a.png"].reason
    assert ("too long" in told["a.png"].reason) is (taken is refuse)
    assert statuses(run()) == dict.fromkeys(told, "unchanged")
    assert parts.store.saved[former].item.sources == (str(photos / "b.png"),)


@pytest.mark.parametrize("call", [0, 1], ids=["before the new item is written", "afterwards"])
def test_a_file_is_not_told_as_stored_when_nobody_knows_what_it_should_leave(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    save(photos / "a.png", picture(1))
    run()
    save(photos / "a.png", picture(2))
    plain, calls = Writer._left_by, iter(range(100))

    def left_by(self: Writer, tasks: Sequence[Task]) -> dict[str, set[str]]:
        if next(calls) == call:
            raise StoreUnavailable("the database is away")
        return plain(self, tasks)

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "_left_by", left_by)
        assert statuses(run()) == {"a.png": "failed"}
    assert run().counts["failed"] == 0
    assert [item.content_hash for item in parts.store.items.values()] == [content_hash(picture(2))]


def test_a_changed_file_that_another_item_refuses_keeps_its_former_item(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(photos / "a.png", picture(1))
    save(photos / "b.png", picture(2))
    run()
    save(photos / "a.png", picture(2))
    other, plain = item_id(SCOPE, content_hash(picture(2))), parts.store.upsert

    def upsert(rows: Sequence[Row]) -> None:
        if any(row.item.id == other for row in rows):
            raise InvalidInput("it has as many sources as it may have")
        plain(rows)

    with monkeypatch.context() as broken:
        broken.setattr(parts.store, "upsert", upsert)
        assert statuses(run()) == {"a.png": "quarantined", "b.png": "unchanged"}
    former = parts.store.saved[item_id(SCOPE, content_hash(picture(1)))]
    assert former.item.sources == (str(photos / "a.png"),)
    assert statuses(run()) == {"a.png": "duplicate", "b.png": "unchanged"}
    assert list(parts.store.saved) == [other]
