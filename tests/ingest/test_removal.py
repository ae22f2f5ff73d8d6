"""What is deleted is gone with all that belongs to it, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest import removal
from ingest.removal import finish_removals, remove
from ingest.run import ingest
from ingest.sources import walk
from rag.errors import NotFound
from rag.types import Scope, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, add, picture, save

OTHER = Scope("another", SCOPE.collection)


def ids(*numbers: int) -> list[str]:
    return [item_id(SCOPE, content_hash(picture(n))) for n in numbers]


def kept(parts: FakeParts, count: int) -> list[int]:
    """Of the first pictures, those whose original is there."""
    return [n for n in range(count) if parts.blobs.exists(content_hash(picture(n)))]


def test_an_item_goes_with_its_original_thumbnail_and_sources(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 3)
    save(photos / "copy.png", picture(1))
    run()
    assert remove(parts, SCOPE, "item", ids(1)[0]) == 1
    assert set(parts.store.saved) == set(ids(0, 2))
    assert kept(parts, 3) == [0, 2]
    assert not parts.blobs.has_thumbnail(content_hash(picture(1)))
    assert parts.records.places.of(SCOPE, [str(photos / "copy.png")]) == []
    assert run().counts["indexed"] == 1


def test_a_source_takes_with_it_only_what_has_no_other(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 2)
    save(photos / "copy.png", picture(1))
    run()
    assert remove(parts, SCOPE, "source", str(photos / "001.png")) == 0
    assert parts.store.saved[ids(1)[0]].item.sources == (str(photos / "copy.png"),)
    assert remove(parts, SCOPE, "source", str(photos / "copy.png")) == 1
    assert set(parts.store.saved) == set(ids(0))
    assert kept(parts, 2) == [0]


def test_a_collection_goes_whole_what_others_use_stays(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 12)
    run()
    other = [save(photos / "other" / f"{n}.png", picture(n)) for n in range(2)]
    ingest(parts, OTHER, walk(other))
    assert remove(parts, SCOPE, "collection") == 12
    assert {row.item.tenant for row in parts.store.saved.values()} == {"another"}
    assert kept(parts, 12) == [0, 1]
    assert parts.records.places.scopes() == [OTHER]
    assert parts.records.jobs.latest(SCOPE.tenant) == []
    assert remove(parts, OTHER, "collection") == 2
    assert kept(parts, 12) == []


@pytest.mark.parametrize("target", ["item", "source", "collection"])
def test_what_is_not_there_is_said(parts: FakeParts, target: str) -> None:
    with pytest.raises(NotFound, match="not there" if target == "collection" else "there is no"):
        remove(parts, SCOPE, target, "" if target == "collection" else "x")  # type: ignore[arg-type]  # parametrized
    assert parts.records.removals.unfinished() == []


@pytest.mark.parametrize("target", ["item", "source", "collection"])
def test_a_deletion_that_is_broken_off_anywhere_is_finished(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Each step in turn is the one before which the process dies."""
    steps = [(parts.store, "delete"), (removal, "drop_unused"), (parts.records.removals, "end")]
    for place, (owner, step) in enumerate(steps):
        add(photos, 3)
        run()
        name = {"item": ids(1)[0], "source": str(photos / "001.png"), "collection": ""}[target]
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, _dies)
            with pytest.raises(KeyboardInterrupt):
                remove(parts, SCOPE, target, name)  # type: ignore[arg-type]  # parametrized
        assert len(parts.records.removals.unfinished()) == 1
        assert finish_removals(parts) == 1
        assert parts.records.removals.unfinished() == []
        left = [] if target == "collection" else [0, 2]
        assert set(parts.store.saved) == set(ids(*left)), place
        assert kept(parts, 3) == left, place


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_deletion_that_was_broken_off_takes_nothing_that_came_later(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(photos, 3)
    run()
    with monkeypatch.context() as patch:
        patch.setattr(parts.store, "delete", _dies)
        with pytest.raises(KeyboardInterrupt):
            remove(parts, SCOPE, "collection")
    assert run().counts["indexed"] == 3
    assert finish_removals(parts) == 0
    assert len(parts.store.saved) == 3


def test_what_is_deleted_while_it_is_on_its_way_does_not_come_back(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    add(photos, 3)
    jobs = parts.records.jobs

    def deleted(_: Sequence[object]) -> None:
        parts.fake.before = lambda _: None
        (job,) = jobs.latest(SCOPE.tenant)
        jobs.cancel(SCOPE.tenant, job.id)

    parts.fake.before = deleted
    assert run().counts["failed"] == 3
    assert parts.store.saved == {}
    assert kept(parts, 3) == []
