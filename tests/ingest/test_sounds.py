"""Sounds as items, where the encoder hears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ingest.removal import remove
from ingest.retrying import Patience
from ingest.run import ingest
from ingest.sounds.decoding import heard
from ingest.sources import SourceFile
from rag.build import build
from rag.encoders.clap import ClapEncoder
from rag.pipeline.evidence import describe
from rag.questions import Question
from rag.settings import Settings
from rag.types import Matrix, Query, Sound
from tests.clips import tone
from tests.rag.encoders.tiny_models import tiny_clap

from .conftest import SCOPE, FakeEncoder, FakeParts, Run, add, picture, save, statuses


class Ears(FakeEncoder):
    hears = True
    sees = True

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
