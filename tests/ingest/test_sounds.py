"""Sounds as items, where the encoder hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from api.cli import show
from api.schemas import HitOut
from ingest.reconcile import reconcile
from ingest.reindex import ReindexReport, reindex
from ingest.removal import remove
from ingest.retrying import Patience
from ingest.run import ingest
from ingest.sandbox import Sandbox
from ingest.sounds.decoding import heard
from ingest.sounds.of_videos import TRACK
from ingest.sources import SourceFile, walk
from ingest.videos.reading import FILM
from ingest.videos.records import Film
from rag.build import Olhar, build
from rag.encoders.clap import ClapEncoder
from rag.encoders.imagebind import ImageBindEncoder
from rag.pipeline.evidence import describe
from rag.questions import Question
from rag.settings import Settings
from rag.store import Rebuild
from rag.types import AUDIO, SOUND_RATE, Matrix, Query, Sound, Vector, Where
from tests.clips import clip, film, sound, tone
from tests.rag.encoders.tiny_models import tiny_clap, tiny_clip, tiny_imagebind

from .conftest import SCOPE, FakeEncoder, FakeParts, Run, add, picture, save, statuses
from .test_reindex import Unknown


class Ears(FakeEncoder):
    hears = True

    def __init__(self, *, sees: bool = True) -> None:
        super().__init__()
        self.sees = sees

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        return np.stack([np.full(8, 1 + len(sound), np.float32) for sound in sounds])


def test_a_sound_is_an_item_of_its_own_modality(parts: FakeParts, photos: Path, run: Run) -> None:
    parts.fake = Ears()
    save(photos / "dog.flac", tone("flac"))
    save(photos / "dog.txt", "a dog barks")
    (receipt,) = run().files
    assert (receipt.status, receipt.reason) == ("indexed", "0:01 of sound")
    row = parts.store.saved[receipt.item_id]
    assert (row.item.modality, row.item.caption, row.item.metadata.get("document")) == (
        "audio",
        "a dog barks",
        None,
    )
    assert row.image_vector is not None
    assert parts.blobs.get(row.item.content_hash) == tone("flac")
    assert statuses(run()) == {"dog.flac": "unchanged"}
    remove(parts, SCOPE, "item", receipt.item_id)
    assert not parts.store.saved


@pytest.mark.parametrize(
    ("name", "brand"),
    [("memo.mp4", b"isom"), ("memo.m4a", b"mp42"), ("memo.m4a", b"3gp4"), ("book.m4b", b"M4B ")],
)
def test_a_file_like_a_video_that_is_sound_alone_is_a_sound(
    parts: FakeParts, photos: Path, run: Run, name: str, brand: bytes
) -> None:
    data = sound()
    save(photos / name, data[:8] + brand + data[12:])
    parts.fake = Ears()
    (receipt,) = run().files
    assert (receipt.status, receipt.reason) == ("indexed", "0:01 of sound")
    assert parts.store.saved[receipt.item_id].item.modality == AUDIO


def test_the_sound_of_a_video_can_be_asked_with() -> None:
    (window,) = heard(film([700], seconds=2)).sound
    assert len(window) == pytest.approx(2 * SOUND_RATE, rel=0.1)


def test_an_encoder_that_does_not_hear_says_which_would(photos: Path, run: Run) -> None:
    save(photos / "dog.wav", tone())
    add(photos, 1)
    found = {Path(file.source).name: file for file in run().files}
    assert found["000.png"].status == "indexed"
    assert found["dog.wav"].status == "quarantined"
    assert "OLHAR_ENCODER=clap:" in found["dog.wav"].reason


def test_a_broken_sound_is_quarantined(parts: FakeParts, photos: Path, run: Run) -> None:
    parts.fake = Ears()
    save(photos / "dog.wav", b"RIFF\0\0\0\0WAVEfmt ")
    assert statuses(run()) == {"dog.wav": "quarantined"}


@contextmanager
def opened(folder: Path, encoder: str) -> Iterator[Olhar]:
    settings = {"data": folder / "data", "encoder": encoder, "encoder_device": "cpu"}
    with build(Settings.model_validate(settings)) as olhar:
        yield olhar


def reindexed(olhar: Olhar, *, force: bool = False) -> ReindexReport:
    uri, image, text = olhar.settings.store_uri, olhar.encoder.fingerprint, olhar.text_encoder.fingerprint
    rebuild = Rebuild.open(uri, image=image, text=text)
    try:
        return reindex(olhar, rebuild, Unknown(), budget=0.05, force=force)
    finally:
        rebuild.close()


def vectors(olhar: Olhar) -> dict[str, Vector | None]:
    rows = olhar.store.rows(SCOPE, "image", [item.id for item in olhar.store.scan(SCOPE, "image")])
    return {Path(row.item.source).name: row.image_vector for row in rows}


def test_another_encoder_hears_the_kept_originals(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "high.wav", tone(pitch=4000)),
        save(tmp_path / "low.flac", tone("flac", seconds=12, rate=8000)),
        save(tmp_path / "seen.png", picture(0)),
    ]
    first, other = (f"imagebind:{tiny_imagebind(tmp_path / f'model{n}', seed=n)}" for n in range(2))
    with opened(tmp_path, first) as olhar:
        assert set(statuses(ingest(olhar, SCOPE, walk(files))).values()) == {"indexed"}
        before = vectors(olhar)
    originals = [path.read_bytes() for path in files]
    for path in files:
        path.unlink()  # only what was kept is there
    with opened(tmp_path, other) as olhar:
        report = reindexed(olhar)
        assert (report.state, report.images, report.problems) == ("moved", 3, [])
        after = vectors(olhar)
    ears = ImageBindEncoder(other, device="cpu")
    sounds = ears.encode_sounds([heard(data).sound for data in originals[:2]])
    for path, expected in zip(files, sounds, strict=False):
        now, was = after[path.name], before[path.name]
        assert now is not None
        assert was is not None
        assert np.allclose(now, expected, atol=1e-5)
        assert not np.allclose(was, expected, atol=1e-3)


def test_an_encoder_that_does_not_hear_leaves_a_collection_with_sounds_alone(tmp_path: Path) -> None:
    low = save(tmp_path / "low.wav", tone())
    save(tmp_path / "low.txt", "a hum")
    with opened(tmp_path, f"imagebind:{tiny_imagebind(tmp_path / 'bound')}") as olhar:
        ingest(olhar, SCOPE, walk([low]))
    with opened(tmp_path, str(tiny_clip(tmp_path / "clip"))) as olhar:
        report = reindexed(olhar)
        assert report.state == "refused"
        assert "cannot hear" in report.problems[0].reason
        assert reindexed(olhar, force=True).state == "moved"
        assert vectors(olhar) == {"low.wav": None}
        (hit,) = olhar.pipeline.search(Question(SCOPE, Query("a hum"))).hits
        assert hit.item.modality == "audio"


def test_the_sound_of_a_video_is_found_at_its_second(tmp_path: Path) -> None:
    path = save(tmp_path / "film.mp4", film([500, 3000]))
    first, other = (f"imagebind:{tiny_imagebind(tmp_path / f'model{n}', seed=n)}" for n in range(2))
    with opened(tmp_path, first) as olhar:
        (receipt,) = ingest(olhar, SCOPE, walk([path])).files
        assert (receipt.status, receipt.reason) == ("indexed", "2 frames and 2 sounds of 0:20")
        asked = Query(sound=heard(tone(pitch=3000, seconds=10)).sound)
        found = olhar.pipeline.search(Question(SCOPE, asked, where=Where("modality", "eq", AUDIO))).hits
        assert [hit.item.seconds for hit in found] == [pytest.approx(10, abs=0.1), 0]
        assert {hit.item.parent_id for hit in found} == {receipt.item_id}
        assert describe(found[0]) == "at 0:10 of film.mp4: No caption. A sound."
        assert show.place(HitOut.of(found[0])) == "film.mp4, heard at 0:10"
        everything = olhar.pipeline.search(Question(SCOPE, Query("a whistle"), limit=10)).hits
        assert sorted(hit.item.modality for hit in everything) == ["audio", "audio", "image", "image"]
        (kept,) = [olhar.blobs.get(hit.item.content_hash) for hit in found[:1]]
        assert kept.startswith(b"OggS")
        assert not reconcile(olhar).differences
        before = vectors_by_part(olhar)
    with opened(tmp_path, other) as olhar:
        assert reindexed(olhar).state == "moved"
        ears, after = ImageBindEncoder(other, device="cpu"), vectors_by_part(olhar)
        (expected,) = ears.encode_sounds([heard(kept).sound])
        assert np.allclose(after["sound-2"], expected, atol=1e-5)
        assert not np.allclose(after["sound-2"], before["sound-2"], atol=1e-3)
        remove(olhar, SCOPE, "item", receipt.item_id)
        assert not olhar.store.scan(SCOPE, "image")
        assert not olhar.blobs.exists(found[0].item.content_hash)


def vectors_by_part(olhar: Olhar) -> dict[str, Vector]:
    rows = olhar.store.rows(SCOPE, "image", [item.id for item in olhar.store.scan(SCOPE, "image")])
    return {row.item.part: row.image_vector for row in rows if row.image_vector is not None}


def test_who_does_not_see_hears_a_video_and_who_does_not_hear_sees_it(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    save(photos / "film.mp4", film([500, 3000], seconds=2))
    save(photos / "still.mp4", clip())
    parts.fake = Ears(sees=False)
    found = {Path(file.source).name: file for file in run().files}
    assert (found["film.mp4"].status, found["film.mp4"].reason) == ("indexed", "1 sound of 0:04")
    assert found["still.mp4"].status == "quarantined"
    assert "there is nothing to be heard in it" in found["still.mp4"].reason
    remove(parts, SCOPE, "item", found["film.mp4"].item_id)
    parts.fake = FakeEncoder()
    assert run().files[0].reason == "2 frames of 0:04"


def test_the_sound_of_a_video_has_the_time_that_its_pictures_left(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.fake = Ears()
    given: dict[str, tuple[object, float]] = {}
    real = Sandbox.call

    def call(sandbox: Sandbox, function: str, *args: object, deadline: float) -> object:
        given[function] = args[-1], deadline
        found = real(sandbox, function, *args, deadline=deadline)
        return replace(found, took=200) if isinstance(found, Film) else found

    monkeypatch.setattr(Sandbox, "call", call)
    save(photos / "film.mp4", film([500], seconds=2))
    run()
    assert [given[FILM], given[TRACK]] == [(240, 300), (80, 100)]


def test_a_sound_that_kills_who_reads_it_fails_the_video_and_another_try_may_go_well(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.fake = Ears()
    save(photos / "film.mp4", film([500], seconds=2))
    with monkeypatch.context() as broken:
        broken.setattr("ingest.sounds.of_videos.TRACK", "tests.ingest.sandbox_tasks:die_of_sound")
        (receipt,) = run().files
    assert receipt.status == "failed"
    assert "over its sound; OLHAR_VIDEO_SOUNDS=0" in receipt.reason
    assert run().files[0].reason == "1 frame and 1 sound of 0:02"


def test_a_setting_leaves_the_sound_of_videos_out(tmp_path: Path) -> None:
    silent = FakeParts(tmp_path / "silent", video_sounds=0)
    silent.fake = Ears()
    path = save(tmp_path / "film.mp4", film([500], seconds=2))
    (receipt,) = ingest(silent, SCOPE, walk([path])).files
    silent.records.close()
    assert receipt.reason == "1 frame of 0:02"


def test_sounds_are_found_by_texts_and_pictures_say_that_nobody_sees(tmp_path: Path) -> None:
    name = f"clap:{tiny_clap(tmp_path / 'clap')}"
    settings = Settings.model_validate({"data": tmp_path / "data", "encoder": name, "encoder_device": "cpu"})
    high, low = save(tmp_path / "high.wav", tone(pitch=4000)), save(tmp_path / "low.flac", tone("flac"))
    seen = save(tmp_path / "seen.png", picture(0))
    with build(settings) as olhar:
        olhar.warm()  # as the server does: what cannot see is no reason not to serve
        files = [SourceFile.of(path) for path in (high, low, seen)]
        report = ingest(olhar, SCOPE, files, patience=Patience(()))
        assert statuses(report) == {"high.wav": "indexed", "low.flac": "indexed", "seen.png": "failed"}
        found = olhar.pipeline.search(Question(SCOPE, Query("a whistle"), limit=5))
        assert {hit.item.source for hit in found.hits} == {str(high), str(low)}
        assert {hit.item.modality for hit in found.hits} == {"audio"}
        ears = ClapEncoder(name, device="cpu")
        sounds = ears.encode_sounds([heard(path.read_bytes()).sound for path in (high, low)])
        scores = ears.encode_text_queries(["a whistle"]) @ sounds.T
        best = (high, low)[int(scores.argmax())]
        assert found.hits[0].item.source == str(best)
        (described,) = olhar.pipeline.described(SCOPE, found.hits[:1])
        assert describe(described) == "No caption. A sound."
