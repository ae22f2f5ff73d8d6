"""Videos as items: frames with their seconds beside the file itself, with the promises of pictures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ingest.descriptions import Description
from ingest.parts import DOCUMENT
from ingest.reconcile import reconcile
from ingest.removal import remove
from ingest.sources import Reading, SourceFile, open_sources
from rag.pipeline.evidence import place
from rag.types import Item, content_hash, item_id, moment
from tests.clips import clip, sound

from .conftest import SCOPE, FakeParts, Run, add, save, statuses


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(tmp_path / "parts", video_seconds=0.2)
    yield parts
    parts.records.close()


def frames(parts: FakeParts) -> list[Item]:
    return sorted((r.item for r in parts.store.saved.values() if r.item.parent_id), key=lambda i: i.page)


def test_frames_are_items_with_their_second_and_the_video_is_their_parent(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    data = clip()
    path = save(photos / "clip.mp4", data)
    save(photos / "clip.txt", "two shots")
    (receipt,) = run().files
    assert (receipt.status, receipt.reason) == ("indexed", "2 frames of 0:02")
    own = parts.store.saved[receipt.item_id]
    assert (own.item.modality, own.item.caption) == ("video", "two shots")
    assert own.image_vector is None
    assert own.caption_vector is not None
    assert own.item.metadata[DOCUMENT] == {"kind": "video", "seconds": 2.0, "passages": 0, "figures": 2}
    assert parts.blobs.get(own.item.content_hash) == data
    thumbnail = parts.blobs.thumbnail(own.item.content_hash)
    assert thumbnail is not None
    assert Image.open(io.BytesIO(thumbnail)).format == "WEBP"
    one, two = frames(parts)
    assert (one.parent_id, two.parent_id) == (receipt.item_id, receipt.item_id)
    assert two.id == item_id(SCOPE, content_hash(data), "frame-2")
    assert two.is_frame
    assert two.modality == "image"
    assert one.seconds is not None
    assert two.seconds is not None
    assert one.seconds < 1 <= two.seconds
    assert place(two) == "at 0:01 of clip.mp4"
    assert two.sources == (str(path),)
    assert two.phash
    assert parts.store.saved[two.id].image_vector is not None
    before = dict(parts.store.saved)
    assert statuses(run()) == {"clip.mp4": "unchanged"}
    assert parts.store.saved == before


def test_what_cannot_be_used_is_quarantined_and_hurts_no_other(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    save(photos / "sound.mp4", sound())
    save(photos / "cut.mp4", clip()[:500])
    save(photos / "empty.mkv", b"")
    (picture,) = add(photos, 1)
    save(photos / "picture.avi", picture.read_bytes())
    found = {Path(file.source).name: file for file in run().files}
    assert "a sound, which the encoder cannot hear: choose one" in found["sound.mp4"].reason
    assert "damaged or missing" in found["cut.mp4"].reason
    assert found["empty.mkv"].reason == "the file is empty"
    assert {name: file.status for name, file in found.items() if name.endswith(("mp4", "mkv"))} == {
        "sound.mp4": "quarantined",
        "cut.mp4": "quarantined",
        "empty.mkv": "quarantined",
    }
    assert {found["000.png"].status, found["picture.avi"].status} == {"indexed", "duplicate"}
    assert not parts.blobs.exists(content_hash(sound()))


def test_sources_and_tags_reach_frames_and_all_go_together(parts: FakeParts, run: Run) -> None:
    data = clip()

    def upload(source: str, tag: str) -> SourceFile:
        return SourceFile(source, lambda: data, Description(tags=(tag,)), replaces=True)

    run([upload("a.mp4", "one")])
    run([upload("b.mp4", "one")])
    assert {item.sources for item in frames(parts)} == {("a.mp4", "b.mp4")}
    run([upload("a.mp4", "two")])
    assert {item.tags for item in frames(parts)} == {("two",)}
    remove(parts, SCOPE, "source", "a.mp4")
    hashes = {row.item.content_hash for row in parts.store.saved.values()}
    assert len(hashes) == 3
    remove(parts, SCOPE, "source", "b.mp4")
    assert not parts.store.saved
    assert not any(parts.blobs.exists(sha256) for sha256 in hashes)


def test_other_bytes_at_the_same_place_take_the_frames_away(parts: FakeParts, photos: Path, run: Run) -> None:
    path = save(photos / "clip.mp4", clip())
    run()
    before = {item.content_hash for item in frames(parts)}
    path.write_bytes(clip(shots=(3,)))
    assert run().counts["indexed"] == 1
    (only,) = frames(parts)
    assert len(parts.store.saved) == 2
    assert not any(parts.blobs.exists(sha256) for sha256 in before - {only.content_hash})


def test_an_incomplete_video_is_read_again(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "clip.mp4", clip())
    run()
    lost = frames(parts)[0]
    del parts.store.saved[lost.id]
    report = reconcile(parts, repair=True)
    assert [difference.kind for difference in report.differences] == ["incomplete-document"]
    run([])
    again = parts.store.saved[lost.id].item
    assert again == replace(lost, updated_at=again.updated_at, created_at=again.created_at)


def test_a_video_that_kills_who_reads_it_fails_alone(
    photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.videos.reading.FILM", "tests.ingest.sandbox_tasks:die_of_video")
    save(photos / "clip.mp4", clip())
    add(photos, 1)
    assert statuses(run()) == {"clip.mp4": "failed", "000.png": "indexed"}


def test_archives_bring_videos_with_what_lies_beside_them(parts: FakeParts, photos: Path, run: Run) -> None:
    path = photos / "clips.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/clip.webm", clip("webm", codec="libvpx"))
        archive.writestr("a/clip.txt", "from an archive")
    (receipt,) = run(open_sources([path], Reading.of(parts.settings, local=True))).files
    assert (receipt.status, receipt.reason) == ("indexed", "2 frames of 0:02")
    assert parts.store.saved[receipt.item_id].item.caption == "from an archive"
    assert {item.source for item in frames(parts)} == {f"{path}!/a/clip.webm"}


def test_moments_are_written_as_people_write_them() -> None:
    assert [moment(s) for s in (0, 12.9, 60, 3723.4)] == ["0:00", "0:12", "1:00", "1:02:03"]
