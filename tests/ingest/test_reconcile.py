"""Originals, records and the store agree again after any damage, and nothing else is touched."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.limits import UPLOAD_S
from ingest import reconcile as package
from ingest.desk import Desk
from ingest.parts import DOCUMENT
from ingest.queue import Queue
from ingest.reconcile import SAFE, Report, reconcile
from ingest.removal import remove
from ingest.retrying import Patience
from ingest.run import drain, ingest
from ingest.sources import SourceFile, walk
from ingest.system import Parts
from ingest.upkeep import Upkeep
from rag.types import Scope, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, add, picture, save
from .test_documents import REPORT
from .test_on_milvus import opened

HOUR = 3600.0
LATER = 25 * HOUR
OTHER = Scope("another", "theirs")


def later() -> float:
    """When all that is written now is old enough."""
    return time.time() + LATER


def check(parts: Parts, *, repair: bool = False) -> Report:
    report = reconcile(parts, repair=repair, clock=later)
    if report.job_ids:
        with Desk(parts, patience=Patience(())) as desk:
            drain(desk)
    return report


def found(report: Report) -> list[tuple[str, str, bool]]:
    return sorted((d.kind, d.remedy, d.repaired) for d in report.differences)


def forget_places(parts: Parts, *sources: Path | str) -> None:
    parts.records.places.forget(SCOPE, [str(source) for source in sources])


def own(n: int) -> str:
    return item_id(SCOPE, content_hash(picture(n)))


def repaired(parts: Parts, kind: str, remedy: str) -> None:
    """It is told, told again since nothing was done, put right, and gone."""
    for _ in range(2):
        assert found(check(parts)) == [(kind, remedy, False)]
    report = check(parts, repair=True)
    assert found(report) == [(kind, remedy, True)]
    assert report.clean
    assert found(check(parts)) == []


def test_what_agrees_is_left_as_it_is(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 5)
    save(photos / "copy.png", picture(0))
    save(photos / "report.docx", REPORT)
    run()
    before = dict(parts.store.saved)
    report = check(parts, repair=True)
    assert (found(report), report.clean, report.job_ids) == ([], True, [])
    assert parts.store.saved == before


def test_a_missing_original_is_put_back_from_its_source(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)
    run()
    parts.blobs.delete(content_hash(picture(1)))
    repaired(parts, "no-original", "ingest")
    assert parts.blobs.get(content_hash(picture(1))) == picture(1)


def test_an_original_that_nobody_has_any_more_is_for_a_person(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 2)
    run()
    parts.blobs.delete(content_hash(picture(1)))
    (photos / "001.png").unlink()
    report = check(parts, repair=True)
    assert found(report) == [("no-original", "person", False)]
    assert not report.clean
    assert set(parts.store.saved) == {own(0), own(1)}


def test_a_missing_item_is_ingested_again_as_it_was(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)
    save(photos / "001.json", '{"captions": ["one", "two"], "labels": ["x"]}')
    run(all_captions=True)
    before = parts.store.saved.pop(own(1))
    repaired(parts, "no-item", "ingest")
    after = parts.store.saved[own(1)].item
    assert (after.caption, after.text, after.tags, after.sources) == (
        before.item.caption, before.item.text, before.item.tags, before.item.sources,
    )  # fmt: skip
    assert after.text == "two"


def test_an_upload_comes_back_from_its_original(parts: FakeParts, run: Run) -> None:
    run([SourceFile("an upload.png", lambda: picture(1))])
    del parts.store.saved[own(1)]
    repaired(parts, "no-item", "ingest")
    assert parts.store.saved[own(1)].item.sources == ("an upload.png",)
    assert list(parts.staged.hashes()) == []


def test_sources_that_the_records_lack_are_noted_and_their_originals_kept(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 2)
    run()
    forget_places(parts, photos / "001.png")
    repaired(parts, "no-place", "place")
    (place,) = parts.records.places.of(SCOPE, [str(photos / "001.png")])
    assert (place.item_id, place.sha256) == (own(1), content_hash(picture(1)))
    assert parts.blobs.exists(content_hash(picture(1)))


def test_a_receipt_without_its_item_is_made_true(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 2)
    run()
    forget_places(parts, photos / "001.png")
    del parts.store.saved[own(1)]
    repaired(parts, "lost-receipt", "ingest")
    assert own(1) in parts.store.saved


@pytest.mark.parametrize("target", ["item", "source", "collection"])
def test_what_was_deleted_on_purpose_does_not_come_back(
    parts: FakeParts, photos: Path, run: Run, target: str
) -> None:
    add(photos, 2)
    run()
    name = {"item": own(1), "source": str(photos / "001.png"), "collection": ""}[target]
    remove(parts, SCOPE, target, name)  # type: ignore[arg-type]  # parametrized
    assert found(check(parts, repair=True)) == []
    assert own(1) not in parts.store.saved


def test_a_document_is_read_again_when_parts_or_a_figure_are_missing(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    save(photos / "report.docx", REPORT)
    run()
    whole = set(parts.store.saved)
    figure = next(r.item for r in parts.store.saved.values() if r.item.part == "figure-1")
    passage = next(r.item for r in parts.store.saved.values() if r.item.kind == "passage")
    del parts.store.saved[passage.id]
    repaired(parts, "incomplete-document", "ingest")
    parts.blobs.delete(figure.content_hash)
    repaired(parts, "no-original", "ingest")
    assert set(parts.store.saved) == whole
    assert parts.blobs.exists(figure.content_hash)


def test_parts_go_whose_document_is_gone_for_good(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "report.docx", REPORT)
    run()
    document = next(r.item for r in parts.store.saved.values() if r.item.modality == DOCUMENT)
    kept = {i: r for i, r in parts.store.saved.items() if i != document.id}
    remove(parts, SCOPE, "item", document.id)
    parts.store.saved.update(kept)
    report = check(parts, repair=True)
    # a figure whose original went with the document is deleted, not asked after
    assert {(d.kind, d.remedy) for d in report.differences} == {("lost-parent", "delete")}
    assert parts.store.saved == {}
    assert found(check(parts)) == []


def test_files_that_nothing_uses_go_when_they_are_old_enough(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 2)
    run()
    for blobs in (parts.blobs, parts.staged):
        blobs.put(content_hash(b"stray"), b"stray")
        blobs.put_thumbnail(content_hash(b"small"), b"small")
        save(Path(blobs.url) / "ab" / "cd" / f"{'ab' * 32}.0123abcd.part", b"half")
        save(Path(blobs.url) / "ab" / "cd" / "a file of somebody else", b"x")
    assert reconcile(parts, repair=True).clean  # all too young
    report = check(parts, repair=True)
    assert report.counts == {"unused-original": 2, "unused-upload": 2, "unfinished-file": 2}
    left = [p.name for p in Path(parts.staged.url).rglob("*") if p.is_file()]
    assert left == ["a file of somebody else"]
    assert sorted(parts.blobs.hashes()) == sorted(content_hash(picture(n)) for n in range(2))
    assert parts.blobs.has_thumbnail(content_hash(picture(0)))
    assert found(check(parts)) == []


def test_files_of_an_upload_under_way_are_left_alone(parts: FakeParts) -> None:
    """Its job is put down when the last of them is there."""
    for blobs in (parts.blobs, parts.staged):
        blobs.put(content_hash(b"the first of many"), b"the first of many")
    save(Path(parts.staged.url) / "ab" / "cd" / f"{'ab' * 32}.0123abcd.part", b"half")
    report = reconcile(parts, repair=True, clock=lambda: time.time() + UPLOAD_S + 11 * HOUR)
    assert report.counts == {"unused-original": 1}
    assert len(list(parts.staged.kept())) == 2


def test_originals_of_tenants_that_no_record_knows_stay(parts: FakeParts, photos: Path) -> None:
    add(photos, 1)
    ingest(parts, OTHER, walk([photos]))
    parts.records.places.forget_collection(OTHER)
    parts.records.jobs.forget_collection(OTHER)
    assert found(check(parts, repair=True)) == []
    assert parts.blobs.exists(content_hash(picture(0)))


def test_what_a_job_is_at_work_on_is_left_to_it(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 2)
    run()
    job_id = Queue(parts).submit(SCOPE, walk([photos]))
    parts.store.saved.clear()
    Queue(parts).submit(SCOPE, [SourceFile("waits.png", lambda: picture(7))])
    report = reconcile(parts, repair=True, clock=later)
    assert (found(report), report.job_ids) == ([], [])
    with Desk(parts, patience=Patience(())) as desk:
        drain(desk)
    assert parts.records.jobs.get(SCOPE.tenant, job_id).counts == {"indexed": 2}
    assert set(parts.store.saved) == {own(0), own(1), own(7)}


def test_a_deletion_that_was_broken_off_is_finished_and_not_undone(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 2)
    run()
    parts.records.removals.begin(SCOPE, "item", own(1), [content_hash(picture(1))])
    parts.store.saved.pop(own(1))
    report = check(parts, repair=True)
    assert found(report) == [("unfinished-deletion", "finish", True)]
    assert set(parts.store.saved) == {own(0)}
    assert found(check(parts)) == []


def test_unasked_only_what_is_safe_is_repaired(
    parts: FakeParts, photos: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    add(photos, 3)
    run()
    forget_places(parts, photos / "001.png")
    del parts.store.saved[own(2)]
    upkeep = Upkeep(parts)
    assert upkeep.look() is None  # a new installation has a day
    parts.settings = parts.settings.model_copy(update={"reconcile_hours": 1e-9})
    with caplog.at_level(logging.INFO):
        report = upkeep.look()
    assert report is not None
    assert found(report) == [("no-item", "ingest", False), ("no-place", "place", True)]
    assert "1 are left" in caplog.text
    last = parts.records.chores.last(package.CHORE)
    assert last is not None
    assert last.said == {"found": 2, "left": 1, "counts": {"no-place": 1, "no-item": 1}}
    assert "ingest" not in SAFE


Damage = Callable[[Parts, Path, int], None]


def _row(parts: Parts, photos: Path, n: int) -> None:
    del photos
    parts.store.delete(SCOPE, "image", [own(n)])


def _original(parts: Parts, photos: Path, n: int) -> None:
    del photos
    parts.blobs.delete(content_hash(picture(n)))


def _place(parts: Parts, photos: Path, n: int) -> None:
    forget_places(parts, photos / f"{n:03}.png", photos / "copy.png")


DAMAGES: tuple[Damage, ...] = (_row, _original, _place)
COUNT = 6


@settings(max_examples=25)
@given(st.sets(st.tuples(st.integers(0, COUNT - 1), st.integers(0, len(DAMAGES) - 1))))
def test_whatever_is_damaged_comes_back(damage: set[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder:
        parts, photos = FakeParts(Path(folder)), Path(folder) / "photos"
        add(photos, COUNT)
        save(photos / "copy.png", picture(0))
        try:
            whatever_comes_back(parts, photos, damage)
        finally:
            parts.records.close()


def whatever_comes_back(parts: Parts, photos: Path, damage: set[tuple[int, int]]) -> None:
    ingest(parts, SCOPE, walk([photos]))
    before = {item.id: item for item in parts.store.scan(SCOPE, "image")}
    for n, which in sorted(damage):
        DAMAGES[which](parts, photos, n)
    whole = before.keys() - {own(n) for n, _ in damage}
    check(parts, repair=True)
    assert found(check(parts, repair=True)) == []
    after = {item.id: item for item in parts.store.scan(SCOPE, "image")}
    assert after.keys() == before.keys()
    assert {i: after[i] for i in whole} == {i: before[i] for i in whole}
    assert {i: set(after[i].sources) for i in after} == {i: set(before[i].sources) for i in before}
    assert all(parts.blobs.exists(item.content_hash) for item in after.values())


def test_the_same_on_milvus(tmp_path: Path, photos: Path) -> None:
    add(photos, COUNT)
    save(photos / "copy.png", picture(0))
    with opened(tmp_path) as parts:
        whatever_comes_back(parts, photos, {(0, 0), (1, 1), (2, 2), (3, 0), (3, 1), (0, 2)})
        stray = content_hash(b"stray")
        parts.blobs.put(stray, b"stray")
        assert found(check(parts, repair=True)) == [("unused-original", "delete", True)]
        assert parts.store.made_of([stray, content_hash(picture(1))]) == {content_hash(picture(1))}


def test_names_that_are_no_text_are_found_again(parts: FakeParts, photos: Path, run: Run) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    save(photos / name, picture(1))
    run()
    del parts.store.saved[own(1)]
    repaired(parts, "no-item", "ingest")
