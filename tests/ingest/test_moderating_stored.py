"""What is stored and not to be there leaves the search, waits with its original, and comes back or goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.desk import Desk
from ingest.editing import Change, edit_item
from ingest.moderating import REJECTED
from ingest.moderating_stored import Moderated, moderate_all, moderate_stored, settle
from ingest.reconcile import reconcile
from ingest.removal import finish_removals, remove
from ingest.run import drain, ingest
from ingest.sources import walk
from rag.errors import Conflict
from rag.records.receipts import DELETED, HELD
from rag.records.reviews import Decision, Review
from rag.types import Kind, Scope, content_hash, item_id
from rag.vision.moderation import Action, Moderator
from tests.clips import clip
from tests.ingest.conftest import SCOPE, FakeParts, Run, picture, save, statuses
from tests.ingest.test_moderating import BAD, policy

ID = item_id(SCOPE, content_hash(picture(BAD)))


@pytest.fixture
def stored(parts: FakeParts, photos: Path, run: Run) -> FakeParts:
    """Three pictures, the third of which the policy is about."""
    for seed in (1, 2, BAD):
        save(photos / f"{seed}.png", picture(seed))
    save(photos / f"{BAD}.txt", "a bad one")
    run()
    return parts


def swept(parts: FakeParts, action: Action, *, apply: bool = True) -> Moderated:
    return swept_with(parts, policy(action), apply=apply)


def swept_with(parts: FakeParts, moderator: Moderator, *, apply: bool = True) -> Moderated:
    return moderate_stored(parts, SCOPE, moderator, apply=apply)


def decide(parts: FakeParts, decision: Decision) -> list[str]:
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    decided = parts.records.reviews.decide(SCOPE.tenant, review.id, decision)
    return settle(parts, SCOPE, decided)


def only(parts: FakeParts) -> Review:
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    return review


def receipt(parts: FakeParts) -> tuple[str, str]:
    """Item and reason of the newest receipt of the bad picture."""
    row = parts.records.receipts.last(SCOPE, next(s for s in sources(parts) if s.endswith(f"{BAD}.png")))
    assert row is not None
    return row.item_id, row.reason


def sources(parts: FakeParts) -> list[str]:
    return parts.records.places.sources(SCOPE, "")


def test_without_apply_it_is_told_and_nothing_changes(stored: FakeParts) -> None:
    before, pictures = dict(stored.store.saved), stored.fake.pictures
    found = swept(stored, "reject", apply=False)
    assert (found.files, found.held, found.decided, found.unseen) == (3, 0, 0, 0)
    assert found.actions == {"allow": 2, "reject": 1}
    (one,) = found.findings
    assert (one.item_id, one.verdict.flagged_categories, one.review, one.held) == (ID, ("bad",), "", False)
    assert stored.store.saved == before
    assert stored.records.reviews.latest(SCOPE.tenant) == []
    assert stored.fake.pictures == pictures, "pictures were encoded again"


@pytest.mark.parametrize("action", ["quarantine", "reject"])
def test_what_is_kept_out_leaves_the_search_and_waits_with_its_original(
    stored: FakeParts, run: Run, action: Action
) -> None:
    found = swept(stored, action)
    review = only(stored)
    assert (found.held, [one.review for one in found.findings]) == (1, [review.id])
    assert (review.held, review.state, review.action, review.item_id) == (True, "pending", action, ID)
    assert set(stored.store.items) == {"1.png", "2.png"}
    assert stored.blobs.exists(content_hash(picture(BAD)))
    assert receipt(stored) == ("", HELD)
    assert len(sources(stored)) == 3
    assert reconcile(stored, repair=True).counts == {}
    again = run()
    assert statuses(again) == {"1.png": "unchanged", "2.png": "unchanged", f"{BAD}.png": "quarantined"}
    assert review.id in next(file.reason for file in again.files if file.status == "quarantined")
    assert stored.blobs.exists(content_hash(picture(BAD)))
    assert swept(stored, action).findings == []


def test_what_is_flagged_stays_and_is_put_down_for_review(stored: FakeParts) -> None:
    before = dict(stored.store.saved)
    assert swept(stored, "flag").held == 0
    assert stored.store.saved == before
    assert not only(stored).held
    assert decide(stored, "allow") == []
    allowed = swept(stored, "reject")
    assert (allowed.files, allowed.decided, allowed.held) == (2, 1, 0)


def test_what_is_allowed_comes_back_with_all_that_was_said_of_it(stored: FakeParts) -> None:
    edit_item(stored, SCOPE, ID, Change(caption="a toy"))
    before = stored.store.saved[ID]
    swept(stored, "quarantine")
    (job,) = decide(stored, "allow")
    assert not only(stored).held
    with Desk(stored) as desk:
        drain(desk)
    assert stored.records.jobs.get(SCOPE.tenant, job).counts == {"indexed": 1}
    after = stored.store.saved[ID]
    assert after.item.sources == before.item.sources
    assert after.item.caption == "a toy"
    assert (after.image_vector == before.image_vector).all()  # type: ignore[union-attr]  # it has one
    assert reconcile(stored).clean


def test_what_is_allowed_comes_back_though_its_file_is_another_one_by_now(
    stored: FakeParts, photos: Path
) -> None:
    before = stored.store.saved[ID].item
    swept(stored, "quarantine")
    save(photos / f"{BAD}.png", picture(77))
    (job,) = decide(stored, "allow")
    with Desk(stored) as desk:
        drain(desk)
    assert stored.records.jobs.get(SCOPE.tenant, job).counts == {"indexed": 1}
    assert stored.store.saved[ID].item.sources == before.sources
    assert stored.store.saved[ID].item.caption == before.caption
    assert len(stored.store.saved) == 3
    assert stored.blobs.exists(content_hash(picture(BAD)))


def test_what_is_allowed_comes_back_from_its_file_where_the_original_is_gone(
    stored: FakeParts, photos: Path
) -> None:
    swept(stored, "quarantine")
    stored.blobs.delete(content_hash(picture(BAD)))
    save(photos / f"{BAD}.png", picture(77))
    with pytest.raises(Conflict, match="cannot come back by itself"):
        decide(stored, "allow")
    assert only(stored).held
    assert len(stored.records.jobs.latest(SCOPE.tenant)) == 1, "a job without a file was put down"
    save(photos / f"{BAD}.png", picture(BAD))
    assert len(decide(stored, "allow")) == 1
    with Desk(stored) as desk:
        drain(desk)
    assert ID in stored.store.saved
    assert not only(stored).held


def test_what_was_put_in_again_meanwhile_is_held_no_more(stored: FakeParts, run: Run) -> None:
    swept(stored, "quarantine")
    stored.records.reviews.decide(SCOPE.tenant, only(stored).id, "allow")  # and killed
    run()
    assert ID in stored.store.saved
    assert decide(stored, "allow") == []
    assert not only(stored).held


def test_what_is_rejected_goes_with_its_original_and_is_kept_out_without_a_policy_too(
    stored: FakeParts, run: Run
) -> None:
    swept(stored, "quarantine")
    assert decide(stored, "reject") == []
    assert not stored.blobs.exists(content_hash(picture(BAD)))
    assert len(sources(stored)) == 2
    assert not only(stored).held
    assert stored.records.receipts.last(SCOPE, only(stored).source).reason == DELETED  # type: ignore[union-attr]
    assert [file.reason for file in run().files if file.status == "quarantined"] == [REJECTED]
    assert reconcile(stored).clean


@pytest.mark.parametrize("call", ["begin", "delete"])
def test_killed_in_the_middle_it_is_finished_or_has_not_begun(
    stored: FakeParts, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if call == "begin":
            patch.setattr("ingest.moderating_stored.put_down", killed)
        else:
            patch.setattr(stored.store, "delete", killed)
        with pytest.raises(Killed):
            swept(stored, "quarantine")
    assert ID in stored.store.saved
    assert finish_removals(stored, SCOPE) == 1
    held = call == "delete"
    assert (ID in stored.store.saved) is not held
    assert [one.held for one in stored.records.reviews.latest(SCOPE.tenant)] == [True] * held
    assert stored.blobs.exists(content_hash(picture(BAD)))
    assert swept(stored, "quarantine").held == (not held)
    assert reconcile(stored).clean


def test_an_item_that_is_held_can_be_deleted_as_others(stored: FakeParts) -> None:
    swept(stored, "quarantine")
    remove(stored, SCOPE, "item", ID)
    assert not stored.blobs.exists(content_hash(picture(BAD)))
    assert decide(stored, "allow") == []


def test_a_hold_that_is_broken_off_and_then_allowed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(scope: Scope, kind: Kind, ids: Sequence[str]) -> int:
        if whole.id in ids:
            raise Killed
        return delete(scope, kind, ids)

    parts = FakeParts(tmp_path / "watched", video_seconds=0.2)
    ingest(parts, SCOPE, walk([save(tmp_path / "photos" / "clip.mp4", clip())]))
    before, originals = dict(parts.store.saved), set(parts.blobs.hashes())
    (whole,) = (row.item for row in before.values() if not row.item.parent_id)
    (second,) = (row.item for row in before.values() if row.item.part == "frame-2")
    delete = parts.store.delete
    with monkeypatch.context() as patch:
        patch.setattr(parts.store, "delete", killed)
        with pytest.raises(Killed):
            swept_with(parts, policy("quarantine", parts.blobs.get(second.content_hash)))
    assert set(parts.store.saved) == {whole.id}, "its frames are gone, and it is not"
    (job,) = decide(parts, "allow")
    with Desk(parts) as desk:
        drain(desk)
    assert parts.records.jobs.get(SCOPE.tenant, job).counts == {"indexed": 1}
    assert set(parts.store.saved) == set(before)
    assert set(parts.blobs.hashes()) == originals
    assert reconcile(parts).clean
    parts.records.close()


@pytest.mark.parametrize("decision", ["allow", "reject"])
def test_what_was_stored_before_the_policy_and_lost_its_row_is_held_when_it_is_read_again(
    stored: FakeParts, decision: Decision
) -> None:
    edit_item(stored, SCOPE, ID, Change(caption="a toy"))
    stored.moderator = policy("quarantine")
    del stored.store.saved[ID]
    for counts in ({"no-item": 1}, {}):
        assert reconcile(stored, repair=True).counts == counts
        with Desk(stored) as desk:
            drain(desk)
    assert (only(stored).held, only(stored).state) == (True, "pending")
    assert stored.blobs.exists(content_hash(picture(BAD)))
    jobs = decide(stored, decision)
    with Desk(stored) as desk:
        drain(desk)
    assert len(jobs) == (decision == "allow") == (ID in stored.store.saved)
    assert stored.blobs.exists(content_hash(picture(BAD))) == (decision == "allow")
    assert not only(stored).held
    if jobs:
        assert stored.store.saved[ID].item.caption == "a toy"
    assert reconcile(stored).clean


def test_a_rejection_that_is_broken_off_is_carried_out_by_the_next_command(tmp_path: Path) -> None:
    parts = FakeParts(tmp_path / "watched", video_seconds=0.2)
    ingest(parts, SCOPE, walk([save(tmp_path / "photos" / "clip.mp4", clip())]))
    (second,) = (row.item for row in parts.store.saved.values() if row.item.part == "frame-2")
    assert swept_with(parts, policy("flag", parts.blobs.get(second.content_hash))).held == 0
    parts.records.reviews.decide(SCOPE.tenant, only(parts).id, "reject")  # and killed, before anything went
    assert len(parts.store.saved) == 3
    assert reconcile(parts, repair=True).counts == {"unfinished-deletion": 1}
    assert parts.store.saved == {}
    assert set(parts.blobs.hashes()) == set()
    assert not only(parts).held
    assert reconcile(parts).clean
    parts.records.close()


def test_what_was_rejected_and_is_stored_all_the_same_is_told_and_deleted(stored: FakeParts) -> None:
    swept(stored, "flag")
    decided = stored.records.reviews.decide(SCOPE.tenant, only(stored).id, "reject")
    (removal,) = stored.records.removals.unfinished(SCOPE)
    stored.records.removals.end(removal)  # as an earlier version left it
    told = swept(stored, "reject", apply=False)
    assert (told.files, told.rejected, told.held, told.findings) == (2, 1, 0, [])
    assert ID in stored.store.saved
    assert swept(stored, "reject").rejected == 1
    assert ID not in stored.store.saved
    assert not stored.blobs.exists(decided.sha256)
    assert swept(stored, "reject").rejected == 0


@pytest.mark.parametrize("how", ["forgotten", "replaced"])
def test_what_is_held_goes_with_its_last_source_and_all_that_was_said_of_it(
    stored: FakeParts, run: Run, photos: Path, how: str
) -> None:
    also = save(photos / "also.png", picture(BAD))
    run()
    edit_item(stored, SCOPE, ID, Change(caption="a toy"))
    swept(stored, "quarantine")

    def left(path: Path) -> None:
        if how == "forgotten":
            remove(stored, SCOPE, "source", str(path))
        else:
            save(path, picture(70 + len(path.name)))
            run()

    left(also)
    assert stored.records.edits.of(SCOPE, [ID])
    assert only(stored).held
    left(photos / f"{BAD}.png")
    assert stored.records.edits.of(SCOPE, [ID]) == {}
    assert not only(stored).held
    assert not stored.blobs.exists(content_hash(picture(BAD)))
    assert decide(stored, "allow") == []


def test_the_receipt_of_what_is_held_tells_that_its_source_was_deleted(stored: FakeParts) -> None:
    swept(stored, "quarantine")
    kept = receipt(stored)
    remove(stored, SCOPE, "source", only(stored).source.replace(f"{BAD}.png", "1.png"))
    assert receipt(stored) == kept == ("", HELD)
    remove(stored, SCOPE, "source", only(stored).source)
    row = stored.records.receipts.last(SCOPE, only(stored).source)
    assert row is not None
    assert (row.item_id, row.reason) == ("", DELETED)


def test_a_video_is_held_and_comes_back_as_a_whole(tmp_path: Path) -> None:
    parts = FakeParts(tmp_path / "watched", video_seconds=0.2)
    path = save(tmp_path / "photos" / "clip.mp4", clip())
    ingest(parts, SCOPE, walk([path]))
    before, originals = dict(parts.store.saved), set(parts.blobs.hashes())
    (second,) = (row.item for row in before.values() if row.item.part == "frame-2")
    parts.moderator = policy("quarantine", parts.blobs.get(second.content_hash))
    ((scope, found),) = moderate_all(parts)
    (finding,) = found.findings
    assert (scope, found.files, found.held, finding.source) == (SCOPE, 1, 1, str(path))
    assert finding.place == "at 0:01 of clip.mp4" == only(parts).place
    assert parts.store.saved == {}
    assert set(parts.blobs.hashes()) == {content_hash(clip())}
    decide(parts, "allow")
    with Desk(parts) as desk:
        drain(desk)
    assert set(parts.store.saved) == set(before)
    assert set(parts.blobs.hashes()) == originals
    parts.records.close()


def test_where_no_policy_is_set_nothing_is_judged(stored: FakeParts) -> None:
    assert moderate_all(stored) == []
