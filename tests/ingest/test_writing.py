"""The same bytes from several places, and files and descriptions that change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest.descriptions import Description
from ingest.desk import Desk
from ingest.queue import Queue
from ingest.retrying import Patience
from ingest.run import ingest
from ingest.sources import SourceFile, walk
from rag.types import Scope, content_hash

from .conftest import SCOPE, FakeParts, Run, add, picture, save, statuses, text_vector


def given(name: str, data: bytes, description: Description | None = None) -> SourceFile:
    """A file as an upload gives it."""
    return SourceFile(name, lambda: data, description or Description())


def test_equal_bytes_are_one_item_with_all_its_sources(parts: FakeParts, photos: Path, run: Run) -> None:
    for name in ("a.png", "b.png", "c.png"):
        save(photos / name, picture(1))
    report = run()
    assert [r.status for r in report.files] == ["indexed", "duplicate", "duplicate"]
    assert f"the same bytes as {photos / 'a.png'}" in report.files[2].reason
    assert len({r.item_id for r in report.files}) == 1
    (row,) = parts.store.saved.values()
    assert row.item.sources == tuple(str(photos / name) for name in ("a.png", "b.png", "c.png"))
    save(photos / "d.png", picture(1))
    vectors = row.image_vector
    assert statuses(run()) == {
        "a.png": "unchanged",
        "b.png": "unchanged",
        "c.png": "unchanged",
        "d.png": "duplicate",
    }
    (row,) = parts.store.saved.values()
    assert row.image_vector is vectors
    assert len(row.item.sources) == 4
    assert run().counts["unchanged"] == 4


def test_equal_bytes_far_apart_in_one_run(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 130)
    save(photos / "zzz.png", picture(0))
    assert run().files[-1].status == "duplicate"
    assert len(parts.store.saved) == 130


def test_equal_bytes_that_are_no_picture_share_their_fate(photos: Path, run: Run) -> None:
    save(photos / "a.png", "no picture")
    save(photos / "b.png", "no picture")
    first, second = run().files
    assert (first.status, second.status) == ("quarantined", "quarantined")
    assert str(photos / "a.png") in second.reason


def test_the_description_of_an_item_is_that_of_its_first_source(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    for name in ("a", "b"):
        save(photos / f"{name}.png", picture(1))
        save(photos / f"{name}.txt", f"caption of {name}")
    report = run()
    assert "not used" in report.files[1].reason
    for _ in range(2):
        assert run().counts["unchanged"] == 2
        assert parts.store.items["a.png"].caption == "caption of a"


def test_a_file_that_moved_brings_its_new_description(parts: FakeParts, photos: Path, run: Run) -> None:
    path = save(photos / "a.png", picture(1))
    run()
    path.rename(photos / "b.png")
    assert statuses(run()) == {"b.png": "duplicate"}
    save(photos / "b.txt", "a caption")
    assert statuses(run()) == {"b.png": "indexed"}
    assert parts.store.items["b.png"].caption == "a caption"
    assert run().counts["unchanged"] == 1


@pytest.mark.parametrize("sidecar", ['{"caption": "new"}', '{"caption": "old", "labels": ["new"]}', "{}"])
def test_a_changed_description_encodes_words_only(
    parts: FakeParts, photos: Path, run: Run, sidecar: str
) -> None:
    add(photos, 5)
    save(photos / "000.json", '{"caption": "old"}')
    run()
    before, parts.asked, parts.fake.texts = dict(parts.store.saved), [], []
    save(photos / "000.json", sidecar)
    report = run()
    assert report.counts["indexed"] == 1
    assert report.counts["unchanged"] == 4
    changed = parts.store.saved[report.files[0].item_id]
    caption = changed.item.caption
    assert "encoder" not in parts.asked
    assert parts.fake.texts == (["new"] if caption == "new" else [])
    assert changed.image_vector is before[changed.item.id].image_vector
    assert (changed.caption_vector is None) == (not caption)
    if changed.caption_vector is not None:
        assert np.array_equal(changed.caption_vector, text_vector(caption))
    assert (changed.item.created_at, changed.item.updated_at) == (1000, 1001)
    assert run().counts["unchanged"] == 5


def test_a_file_with_new_bytes_takes_the_place_of_the_old(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)
    run()
    save(photos / "001.png", picture(100))
    assert statuses(run()) == {"000.png": "unchanged", "001.png": "indexed", "002.png": "unchanged"}
    assert len(parts.store.saved) == 3
    assert parts.store.items["001.png"].content_hash == content_hash(picture(100))


def test_an_item_stays_for_its_other_sources(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "a.png", picture(1))
    save(photos / "b.png", picture(1))
    run()
    save(photos / "a.png", picture(2))
    assert statuses(run()) == {"a.png": "indexed", "b.png": "unchanged"}
    assert {item.sources for item in parts.store.items.values()} == {
        (str(photos / "a.png"),),
        (str(photos / "b.png"),),
    }


def test_files_that_change_places(parts: FakeParts, photos: Path, run: Run) -> None:
    paths = add(photos, 140)
    run()
    for path in paths:
        path.rename(path.with_suffix(".old"))
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        path.with_suffix(".old").rename(other)
    report = run()
    assert report.counts["failed"] == report.counts["quarantined"] == 0
    assert {item.sources for item in parts.store.items.values()} == {(str(path),) for path in paths}
    assert all(
        item.content_hash == content_hash(Path(item.source).read_bytes())
        for item in parts.store.items.values()
    )
    assert run().counts["unchanged"] == 140


def test_the_collection_is_not_read_to_know_who_had_a_source(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 6)
    run()
    save(photos / "001.png", picture(100))
    save(photos / "004.png", picture(104))
    parts.store.calls.clear()
    assert run().counts["indexed"] == 2
    assert "scan" not in parts.store.calls
    assert len(parts.store.saved) == 6


def test_uploads_of_one_name_do_not_replace_each_other(parts: FakeParts, run: Run) -> None:
    run([given("image.jpg", picture(1))])
    assert run([given("image.jpg", picture(2)), given("image.jpg", picture(3))]).counts["indexed"] == 2
    assert len(parts.store.saved) == 3


def test_collections_do_not_meet(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 2)
    run()
    other = Scope(SCOPE.tenant, "other")
    assert ingest(parts, other, walk([photos])).counts["indexed"] == 2
    assert len(parts.store.saved) == 4


def test_what_was_put_down_later_counts_whichever_comes_first(parts: FakeParts) -> None:
    place = replace(given("/photo.png", picture(1)), replaces=True)
    queue = Queue(parts)
    older = queue.submit(SCOPE, [place])
    with Desk(parts, patience=Patience(())) as desk:
        first = desk.form()
        assert first is not None
        newer = queue.submit(SCOPE, [replace(given("/photo.png", picture(2)), replaces=True)])
        second = desk.form()
        assert second is not None
        for batch_id in (second, first):
            assert desk.begin(batch_id)
            desk.advance(batch_id, "verify")
            desk.end(batch_id)
    assert queue.report(SCOPE, newer).counts["indexed"] == 1
    (receipt,) = queue.report(SCOPE, older).files
    assert receipt.status == "failed"
    assert "put down later" in receipt.reason
    assert [item.content_hash for item in parts.store.items.values()] == [content_hash(picture(2))]
    assert parts.blobs.exists(content_hash(picture(2)))
    assert not parts.blobs.exists(content_hash(picture(1)))


def test_a_run_that_was_killed_before_it_noted_its_places_leaves_no_old_item(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(photos / "a.png", picture(1))
    run()
    save(photos / "a.png", picture(2))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(parts.records.places, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            run()
    save(photos / "a.png", picture(3))
    run()
    assert [item.content_hash for item in parts.store.items.values()] == [content_hash(picture(3))]
    assert [p.item_id for p in parts.records.places.of(SCOPE, [str(photos / "a.png")])] == list(
        parts.store.saved
    )


def test_a_folder_of_before_is_taken_over(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)
    run()
    parts.records.places.forget_collection(SCOPE)
    save(photos / "001.png", picture(100))
    tenant = parts.settings.model_copy(update={"tenant": SCOPE.tenant})
    parts.settings = tenant
    assert run().counts == {"indexed": 1, "duplicate": 0, "unchanged": 2, "quarantined": 0, "failed": 0}
    assert len(parts.store.saved) == 3
