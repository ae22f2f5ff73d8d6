"""Documents among the files: parts and all, with the promises that pictures have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest.descriptions import Description
from ingest.parts import DOCUMENT, words_of
from ingest.sources import SourceFile
from rag.errors import StoreUnavailable
from rag.types import Item, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, add, picture, save, statuses, text_vector
from .documents.conftest import docx, drawing, paragraph, png

BODY = (
    paragraph("Harbours", "H1")
    + paragraph("They are old.")
    + drawing("rId1")
    + paragraph("The lighthouse", "Cap")
)
REPORT = docx(BODY, {"a.png": png(1)})


def children(parts: FakeParts) -> list[Item]:
    return sorted((r.item for r in parts.store.saved.values() if r.item.parent_id), key=lambda i: i.part)


def test_a_document_becomes_passages_and_figures(parts: FakeParts, photos: Path, run: Run) -> None:
    path = save(photos / "report.docx", REPORT)
    (receipt,) = run().files
    assert (receipt.status, receipt.reason) == ("indexed", "1 passage, 1 figure")
    assert receipt.item_id == item_id(SCOPE, content_hash(REPORT))
    own = parts.store.saved[receipt.item_id]
    assert own.item.modality == DOCUMENT
    assert (own.image_vector, own.caption_vector, own.item.text) == (None, None, "")
    figure, passage = children(parts)
    assert (figure.kind, figure.part, figure.caption) == ("image", "figure-1", "The lighthouse")
    assert figure.id == item_id(SCOPE, content_hash(REPORT), "figure-1")
    assert parts.blobs.get(figure.content_hash) == png(1)
    assert parts.blobs.get(own.item.content_hash) == REPORT
    assert (passage.kind, passage.caption) == ("passage", "The report › Harbours")
    assert figure.sources == passage.sources == (str(path),)
    assert figure.parent_id == passage.parent_id == own.item.id
    row = parts.store.saved[figure.id]
    assert row.image_vector is not None
    assert row.caption_vector is not None
    assert np.array_equal(row.caption_vector, text_vector(words_of(figure)))
    assert "They are old." in words_of(figure)


def test_a_second_run_changes_nothing(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "report.docx", REPORT)
    run()
    before = dict(parts.store.saved)
    assert statuses(run()) == {"report.docx": "unchanged"}
    assert parts.store.saved == before


def test_another_source_is_given_to_all_parts_and_they_go_with_the_last(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    one, two = save(photos / "a.docx", REPORT), save(photos / "b.docx", REPORT)
    assert statuses(run()) == {"a.docx": "indexed", "b.docx": "duplicate"}
    assert {item.sources for item in children(parts)} == {(str(one), str(two))}
    save(one, docx(paragraph("something else")))
    run()
    assert {item.sources for item in children(parts) if item.part == "figure-1"} == {(str(two),)}
    save(two, docx(paragraph("and else")))
    run()
    assert {item.text for item in children(parts)} == {"something else", "and else"}
    assert len(parts.store.saved) == 4


def test_one_bad_document_hurts_no_other_file(photos: Path, run: Run) -> None:
    add(photos, 2)
    save(photos / "broken.docx", REPORT[:300])
    save(photos / "empty.docx", docx(""))
    save(photos / "fine.docx", REPORT)
    save(photos / "old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    report = run()
    assert statuses(report) == {
        "000.png": "indexed",
        "001.png": "indexed",
        "broken.docx": "quarantined",
        "empty.docx": "quarantined",
        "fine.docx": "indexed",
        "old.doc": "quarantined",
    }
    reasons = {Path(r.source).name: r.reason for r in report.files}
    assert "broken" in reasons["broken.docx"]
    assert "neither text nor a picture" in reasons["empty.docx"]
    assert "save it as .docx" in reasons["old.doc"]


def test_a_document_is_there_only_when_all_its_parts_are(parts: FakeParts, photos: Path, run: Run) -> None:
    """Killed or refused in the middle, the next run makes it whole."""
    save(photos / "report.docx", REPORT)
    writes = iter([True, False])

    def break_off(_: object) -> None:
        if not next(writes, True):
            raise StoreUnavailable("gone")

    parts.store.before_upsert = break_off
    assert statuses(run()) == {"report.docx": "failed"}
    assert len(children(parts)) == 2
    assert len(parts.store.saved) == 2
    parts.store.before_upsert = lambda _: None
    assert statuses(run()) == {"report.docx": "indexed"}
    assert len(parts.store.saved) == 3


def test_parts_of_an_earlier_reading_go(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "report.docx", REPORT)
    (receipt,) = run().files
    passage = next(item for item in children(parts) if item.kind == "passage")
    row = parts.store.saved[passage.id]
    parts.store.saved["stale"] = replace(row, item=replace(passage, id="stale", part="passage-9"))
    del parts.store.saved[receipt.item_id]
    run()
    assert "stale" not in parts.store.saved
    assert len(parts.store.saved) == 3


def test_tags_of_a_description_are_those_of_the_parts(parts: FakeParts, run: Run) -> None:
    def upload(tag: str) -> SourceFile:
        description = Description(tags=(tag,), metadata={"year": 2024})
        return SourceFile("report.docx", lambda: REPORT, description, replaces=True)

    (receipt,) = run([upload("ports")]).files
    assert {item.tags for item in children(parts)} == {("ports",)}
    assert parts.store.saved[receipt.item_id].item.metadata["year"] == 2024
    assert run([upload("ports")]).counts["unchanged"] == 1
    assert run([upload("harbours")]).counts["indexed"] == 1
    assert {item.tags for item in children(parts)} == {("harbours",)}
    assert DOCUMENT in parts.store.saved[receipt.item_id].item.metadata


@pytest.mark.parametrize("name", ["photo.pdf", "photo.docx"])
def test_a_picture_with_a_documents_name_is_told_so(
    parts: FakeParts, photos: Path, run: Run, name: str
) -> None:
    save(photos / name, picture(1))
    (receipt,) = run().files
    assert receipt.status == "quarantined"
    assert "not its content" in receipt.reason
    assert not parts.store.saved
