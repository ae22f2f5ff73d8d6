"""Pictures that a policy keeps out get a true receipt and are nowhere; a person's decision counts first."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest.desk import Desk
from ingest.moderating import REJECTED, Judged, worst
from ingest.moderating_stored import settle
from ingest.reconcile import reconcile
from ingest.run import drain, ingest
from ingest.sources import walk
from ingest.steps import Task
from ingest.writing import Writer
from rag.errors import BadSettings
from rag.images import working_picture
from rag.types import Matrix, Pixels, content_hash
from rag.vision.moderation import Action, Category, Moderator, Policy
from tests.clips import clip
from tests.ingest.conftest import SCOPE, FakeEncoder, FakeParts, Run, picture, save

BAD = 3
"""The picture that the policy is about."""


class Prompted(FakeEncoder):
    """The unsafe prompt is the vector of the bad picture, the safe one is far from it."""

    bad: Pixels

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        (bad,) = self.encode_images([self.bad])
        return np.stack([bad if "bad" in text else -bad for text in texts])


def policy(action: Action, data: bytes = picture(BAD)) -> Moderator:
    categories = (
        Category("bad", ("bad",), threshold=0.99, action=action),
        Category("good", ("good",), unsafe=False),
    )
    encoder = Prompted()
    encoder.bad = working_picture(data, max_pixels=10**6).pixels
    return Moderator(encoder, Policy("house", categories, scale=3.0))


@pytest.fixture
def three(photos: Path) -> None:
    for seed in (1, 2, BAD):
        save(photos / f"{seed}.png", picture(seed))


@pytest.mark.parametrize("action", ["quarantine", "reject"])
@pytest.mark.usefixtures("three")
def test_what_is_kept_out_has_its_reason_and_is_nowhere(parts: FakeParts, run: Run, action: Action) -> None:
    parts.moderator = policy(action)
    receipts = {file.source[-5:]: file for file in run().files}
    assert [receipts[f"{n}.png"].status for n in (1, 2, 3)] == ["indexed", "indexed", "quarantined"]
    reason = receipts["3.png"].reason
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    assert "house" in reason
    assert "bad 0.99" in reason or "bad 1.00" in reason
    assert review.id in reason
    assert (review.action, review.state, review.sha256) == (action, "pending", content_hash(picture(BAD)))
    assert len(parts.store.saved) == 2
    assert content_hash(picture(BAD)) not in set(parts.blobs.hashes())
    again = {file.source[-5:]: file for file in run().files}
    assert again["3.png"].status == "quarantined"
    assert len(parts.records.reviews.latest(SCOPE.tenant)) == 1


@pytest.mark.usefixtures("three")
def test_a_person_who_allows_it_is_believed_before_the_policy(parts: FakeParts, run: Run) -> None:
    parts.moderator = policy("quarantine")
    run()
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    parts.records.reviews.decide(SCOPE.tenant, review.id, "allow")
    assert sorted(file.status for file in run().files) == ["indexed", "unchanged", "unchanged"]
    assert len(parts.store.saved) == 3


@pytest.mark.usefixtures("three")
def test_a_job_that_is_retried_takes_up_what_was_allowed(parts: FakeParts, run: Run) -> None:
    parts.moderator = policy("quarantine")
    run()
    (job,) = parts.records.jobs.latest(SCOPE.tenant)
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    parts.records.reviews.decide(SCOPE.tenant, review.id, "allow")
    parts.records.jobs.retry(SCOPE.tenant, job.id, quarantined=True)
    with Desk(parts) as desk:
        drain(desk)
    assert parts.records.jobs.get(SCOPE.tenant, job.id).counts == {"indexed": 3}


def test_a_policy_that_is_wrong_is_told_before_any_file_is_taken_up(
    parts: FakeParts, run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: FakeParts) -> Moderator:
        raise BadSettings("house.yaml: unsafe")

    save(photos / "1.png", picture(1))
    monkeypatch.delattr(parts, "moderator")
    monkeypatch.setattr(FakeParts, "moderator", property(broken), raising=False)
    with pytest.raises(BadSettings):
        run()
    assert parts.records.jobs.latest(SCOPE.tenant) == []
    with pytest.raises(BadSettings):
        Desk(parts)


@pytest.mark.usefixtures("three")
def test_what_is_flagged_is_stored_and_said_so(parts: FakeParts, run: Run) -> None:
    parts.moderator = policy("flag")
    receipts = {file.source[-5:]: file for file in run().files}
    assert receipts["3.png"].status == "indexed"
    assert "flagged by the moderation policy house" in receipts["3.png"].reason
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    assert review.item_id == receipts["3.png"].item_id
    parts.records.reviews.decide(SCOPE.tenant, review.id, "reject")
    parts.store.saved.clear()
    rejected = {file.source[-5:]: file for file in run().files}["3.png"]
    assert (rejected.status, "a person rejected" in rejected.reason) == ("quarantined", True)


@pytest.mark.usefixtures("three")
def test_what_is_rejected_after_it_was_judged_and_before_it_is_written_is_kept_out(
    parts: FakeParts, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.moderator = policy("flag")

    def judged(self: Writer, tasks: Sequence[Task]) -> None:
        (review,) = parts.records.reviews.latest(SCOPE.tenant)
        settle(parts, SCOPE, parts.records.reviews.decide(SCOPE.tenant, review.id, "reject"))
        planned(self, tasks)

    planned = Writer.settle_plans
    monkeypatch.setattr(Writer, "settle_plans", judged)
    receipts = {file.source[-5:]: file for file in run().files}
    assert (receipts["3.png"].status, receipts["3.png"].item_id) == ("quarantined", "")
    assert REJECTED in receipts["3.png"].reason
    assert set(parts.store.items) == {"1.png", "2.png"}
    assert content_hash(picture(BAD)) not in set(parts.blobs.hashes())
    assert reconcile(parts).clean


@pytest.mark.usefixtures("three")
def test_without_a_policy_nothing_is_reviewed(parts: FakeParts, run: Run) -> None:
    assert {file.status for file in run().files} == {"indexed"}
    assert parts.records.reviews.latest(SCOPE.tenant) == []


def test_an_animation_is_judged_by_its_worst_frame_and_none_of_it_is_kept(tmp_path: Path) -> None:
    parts = FakeParts(tmp_path / "animated", frames="even:4")
    colours = ("red", "lime", "blue", "yellow")
    frames = [Image.new("RGB", (12, 8), colour) for colour in colours]
    out, bad = io.BytesIO(), io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    frames[2].save(bad, "PNG")
    save(tmp_path / "photos" / "party.gif", out.getvalue())
    parts.moderator = policy("reject", bad.getvalue())
    (receipt,) = ingest(parts, SCOPE, walk([tmp_path / "photos"])).files
    assert (receipt.status, "rejected by the moderation policy" in receipt.reason) == ("quarantined", True)
    assert parts.store.saved == {}
    assert set(parts.blobs.hashes()) == set()
    parts.records.close()


def test_a_file_is_judged_by_the_worst_of_its_pictures() -> None:
    moderator = policy("reject")
    bad = moderator._prompts[:1]
    good, rejected = moderator.of_images(np.concatenate([-bad, bad]))
    judged = [Judged(good, "page 1"), Judged(rejected, "page 2")]
    assert worst(judged) is judged[1]
    assert worst(judged[:1]).verdict.action == "allow"


Filmed = Callable[..., FakeParts]


@pytest.fixture
def filmed(tmp_path: Path) -> Iterator[Filmed]:
    """Ingests a video of two shots into parts of its own, which are closed at the end."""
    path = save(tmp_path / "photos" / "clip.mp4", clip())
    made: list[FakeParts] = []

    def ingested(moderator: Moderator | None = None) -> FakeParts:
        made.append(FakeParts(tmp_path / str(len(made)), video_seconds=0.2))
        made[-1].moderator = moderator
        ingest(made[-1], SCOPE, walk([path]))
        return made[-1]

    yield ingested
    for parts in made:
        parts.records.close()


@pytest.mark.parametrize("action", ["flag", "quarantine", "reject"])
def test_a_video_is_judged_by_its_worst_frame_and_goes_or_stays_as_a_whole(
    filmed: Filmed, action: Action
) -> None:
    whole = filmed()
    (second,) = (row.item for row in whole.store.saved.values() if row.item.part == "frame-2")
    parts = filmed(policy(action, whole.blobs.get(second.content_hash)))
    (job,) = parts.records.jobs.latest(SCOPE.tenant)
    (receipt,) = parts.records.jobs.files(SCOPE.tenant, job.id)
    (review,) = parts.records.reviews.latest(SCOPE.tenant)
    assert review.id in receipt.reason
    assert (review.sha256, review.action, review.flagged) == (content_hash(clip()), action, ("bad",))
    assert review.place == "at 0:01 of clip.mp4"
    assert review.place in receipt.reason
    if action == "flag":
        assert receipt.status == "indexed"
        assert set(parts.store.saved) == set(whole.store.saved)
        assert set(parts.blobs.hashes()) == set(whole.blobs.hashes())
    else:
        assert receipt.status == "quarantined"
        assert parts.store.saved == {}
        assert set(parts.blobs.hashes()) == set()
        assert list(parts.records.places.under(SCOPE, "")) == []


def test_a_video_without_a_bad_frame_is_stored_and_nobody_has_to_review_it(filmed: Filmed) -> None:
    parts = filmed(policy("reject"))
    assert len(parts.store.saved) == 3
    assert parts.records.reviews.latest(SCOPE.tenant) == []
