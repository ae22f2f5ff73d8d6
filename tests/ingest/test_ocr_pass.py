"""The pass that reads text in pictures: after the files, in a child, each picture with a state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest import ocr_pass
from ingest.ocr_pass import OcrPass, catch_up
from ingest.parts import words_of
from ingest.passes import finish_waiting
from ingest.queue import Queue
from ingest.removal import remove
from ingest.run import ingest
from ingest.sources import walk
from ingest.worker import Worker
from rag.errors import InvalidInput
from rag.types import Row, content_hash, item_id, reading_id

from .conftest import SCOPE, FakeParts, picture, save, text_vector
from .documents.conftest import docx, drawing, paragraph, png, saved, written
from .test_on_milvus import opened

SCAN = saved(written("Lighthouse keepers", "were paid monthly"), "PDF")
PAGE = item_id(SCOPE, content_hash(SCAN), "page-1/figure-1")
TASKS = "tests.ingest.sandbox_tasks"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., FakeParts]]:
    made: list[FakeParts] = []

    def parts(**settings: object) -> FakeParts:
        made.append(FakeParts(tmp_path / f"parts-{len(made)}", **settings))
        return made[-1]

    yield parts
    for one in made:
        one.records.close()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the child do something else than read."""
    return lambda name: monkeypatch.setattr(ocr_pass, "READ", f"{TASKS}:{name}")


def counts(parts: FakeParts) -> dict[str, int]:
    return parts.records.readings.counts(SCOPE.tenant).get(SCOPE.collection or "", {})


def page(parts: FakeParts) -> Row:
    return parts.store.saved[PAGE]


def due(parts: FakeParts) -> None:
    """As if the pause between two tries were over."""
    with parts.records.database.writing() as connection:
        connection.exec_driver_sql("UPDATE passes SET due_at = 0")


def test_a_scanned_page_is_found_by_its_words(tmp_path: Path, photos: Path) -> None:
    save(photos / "scan.pdf", SCAN)
    save(photos / "photo.png", picture(1))
    with opened(tmp_path) as parts:
        parts.settings = parts.settings.model_copy(update={"ocr": "documents"})
        ingest(parts, SCOPE, walk([photos]))
        (row,) = parts.store.rows(SCOPE, "image", [PAGE])
        assert row.item.ocr == "Lighthouse keepers\nwere paid monthly"
        assert row.image_vector is not None
        assert row.caption_vector is not None
        assert np.allclose(row.caption_vector, text_vector(f"scan\n{row.item.ocr}"), atol=1e-3)
        assert [i for i, _ in parts.store.search(SCOPE, "image", "bm25", "keepers", limit=5)] == [PAGE]
        assert parts.records.readings.counts(SCOPE.tenant) == {SCOPE.collection: {"done": 1}}


def test_photos_are_read_when_all_are_to_be_and_keep_the_vector_of_their_caption(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("reading")
    parts = make(ocr="all")
    save(photos / "sign.png", picture(1))
    save(photos / "sign.txt", "a sign")
    save(photos / "plain.png", picture(2))
    ingest(parts, SCOPE, walk([photos]))
    saved = list(parts.store.saved.values())
    rows = {Path(row.item.source).name: row for row in saved if row.item.kind == "image"}
    assert {row.item.ocr for row in rows.values()} == {"some words"}
    texts = {row.item.parent_id: row for row in saved if row.item.kind == "passage"}
    assert set(texts) == {row.item.id for row in rows.values()}
    for photo in rows.values():  # by the meaning of its text a photo is found through a passage of its own
        text = texts[photo.item.id]
        assert (text.item.id, text.item.text) == (reading_id(photo.item), "some words")
        assert (text.item.sources, text.item.tags) == (photo.item.sources, photo.item.tags)
        assert text.caption_vector is not None
        assert np.array_equal(text.caption_vector, text_vector("some words"))
    remove(parts, SCOPE, "item", rows["sign.png"].item.id)
    assert {row.item.source for row in parts.store.saved.values()} == {rows["plain.png"].item.source}
    for name, words in (("sign.png", "a sign"), ("plain.png", "some words")):
        vector = rows[name].caption_vector
        assert vector is not None
        assert np.array_equal(vector, text_vector(words))
    assert counts(parts) == {"done": 2}


def test_nothing_is_read_when_it_is_off_and_caught_up_with_later(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("reading")
    parts = make()
    save(photos / "scan.pdf", SCAN)
    save(photos / "photo.png", picture(1))
    ingest(parts, SCOPE, walk([photos]))
    assert (counts(parts), page(parts).item.ocr) == ({}, "")
    with pytest.raises(InvalidInput, match="OLHAR_OCR"):
        catch_up(parts, SCOPE)
    parts.settings = parts.settings.model_copy(update={"ocr": "documents"})
    catch_up(parts, SCOPE)
    finish_waiting(parts)
    assert (counts(parts), page(parts).item.ocr) == ({"done": 1}, "some words")
    catch_up(parts, SCOPE)
    assert counts(parts) == {"done": 1}


def test_a_picture_that_kills_the_child_is_tried_three_times_and_hurts_no_other(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("die_of_png")
    parts = make(ocr="documents")
    save(photos / "scan.pdf", SCAN)
    body = paragraph("Words") + drawing("rId1")
    save(photos / "report.docx", docx(body, {"a.png": png(1)}))
    ingest(parts, SCOPE, walk([photos]))
    assert counts(parts) == {"pending": 1, "done": 1}
    for _ in range(2):
        due(parts)
        finish_waiting(parts)
    assert counts(parts) == {"skipped": 1, "done": 1}
    fake("reading")
    catch_up(parts, SCOPE)
    finish_waiting(parts)
    assert counts(parts) == {"done": 2}


def test_a_picture_that_takes_too_long_is_given_up(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("hang_over")
    parts = make(ocr="documents", ocr_seconds=0.2)
    save(photos / "scan.pdf", SCAN)
    ingest(parts, SCOPE, walk([photos]))
    assert counts(parts) == {"pending": 1}
    with parts.records.database.reading() as connection:
        (reason,) = connection.exec_driver_sql("SELECT reason FROM passes").one()
    assert "too long" in reason


def test_what_is_deleted_meanwhile_stays_deleted(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("reading")
    parts = make(ocr="documents")
    source = str(save(photos / "scan.pdf", SCAN))
    read = OcrPass._text

    def deleting(self: OcrPass, item: object) -> str:
        text = read(self, item)  # type: ignore[arg-type]  # passed on as it came
        remove(parts, SCOPE, "source", source)
        return text

    monkeypatch.setattr(OcrPass, "_text", deleting)
    ingest(parts, SCOPE, walk([photos]))
    assert (parts.store.saved, counts(parts)) == ({}, {"skipped": 1})


def test_a_change_that_came_meanwhile_is_kept(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("reading")
    parts = make(ocr="documents")
    save(photos / "scan.pdf", SCAN)
    read = OcrPass._text

    def tagging(self: OcrPass, item: object) -> str:
        row = page(parts)
        parts.store.upsert([replace(row, item=replace(row.item, tags=("new",)))])
        return read(self, item)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(OcrPass, "_text", tagging)
    ingest(parts, SCOPE, walk([photos]))
    assert (page(parts).item.tags, words_of(page(parts).item)) == (("new",), "scan\nsome words")


def test_what_the_store_does_not_take_waits(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("reading")
    parts = make(ocr="documents")
    save(photos / "scan.pdf", SCAN)

    def refuse(rows: Sequence[Row]) -> None:
        if any(row.item.ocr for row in rows):
            raise InvalidInput("no such text here")

    parts.store.before_upsert = refuse
    ingest(parts, SCOPE, walk([photos]))
    assert counts(parts) == {"skipped": 1}


def test_a_deleted_collection_has_nothing_left_to_be_read(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("die")
    parts = make(ocr="documents")
    save(photos / "scan.pdf", SCAN)
    ingest(parts, SCOPE, walk([photos]))
    remove(parts, SCOPE, "collection")
    assert counts(parts) == {}


def test_a_worker_reads_once_no_file_waits(
    make: Callable[..., FakeParts], photos: Path, fake: Callable[[str], None]
) -> None:
    fake("reading")
    parts = make(ocr="documents")
    save(photos / "scan.pdf", SCAN)
    with Worker(parts) as worker:
        Queue(parts, worker.wake).ingest(SCOPE, walk([photos]))
        deadline = time.monotonic() + 100
        while counts(parts) != {"done": 1}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert page(parts).item.ocr == "some words"
