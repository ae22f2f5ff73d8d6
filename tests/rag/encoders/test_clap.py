"""Sounds and texts in one space, by a model with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.encoders.cache import CachedImageEncoder
from rag.encoders.canary import canaries
from rag.encoders.clap import ClapEncoder
from rag.encoders.sharing import SharedImageEncoder
from rag.errors import InvalidInput, ModelUnavailable
from rag.models import SOUND_ENCODERS, encoder_row
from rag.protocols import Hearing
from rag.types import SOUND_RATE, Sound
from tests.rag.encoders.tiny_models import tiny_clap


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ClapEncoder:
    return ClapEncoder(f"clap:{tiny_clap(tmp_path_factory.mktemp('models') / 'clap')}", device="cpu")


def noise(seed: int, seconds: float = 0.5) -> Sound:
    count = round(seconds * SOUND_RATE)
    return (np.random.default_rng(seed).integers(-20_000, 20_000, count).astype(np.int16),)


def test_sounds_and_texts_share_a_space(encoder: ClapEncoder) -> None:
    sounds = encoder.encode_sounds([noise(1), noise(2)])
    texts = encoder.encode_text_queries(["a dog barks", ""])
    assert sounds.shape == texts.shape == (2, encoder.fingerprint.dimension)
    for rows in (sounds, texts):
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert not np.allclose(texts[0], texts[1])


def test_a_sound_is_the_mean_of_its_windows_in_any_company(encoder: ClapEncoder) -> None:
    one, two = noise(1), noise(2)
    alone = encoder.encode_sounds([one, two])
    mean = alone.mean(axis=0)
    both = encoder.encode_sounds([(*one, *two), one])
    assert np.allclose(both[0], mean / np.linalg.norm(mean), atol=1e-4)
    assert np.allclose(both[1], alone[0], atol=1e-4)


def test_a_window_of_ten_seconds_is_heard_whole_and_alike_each_time(encoder: ClapEncoder) -> None:
    long = noise(3, 10)
    assert np.array_equal(encoder.encode_sounds([long]), encoder.encode_sounds([long]))


def test_it_sees_nothing(encoder: ClapEncoder) -> None:
    with pytest.raises(InvalidInput, match="does not see"):
        encoder.encode_images([np.zeros((4, 4, 3), np.uint8)])


def test_wrappers_hand_sounds_on(encoder: ClapEncoder) -> None:
    wrapped = CachedImageEncoder(SharedImageEncoder(encoder))
    assert isinstance(wrapped, Hearing)
    assert wrapped.hears
    assert not wrapped.sees
    assert np.allclose(wrapped.encode_sounds([noise(1)]), encoder.encode_sounds([noise(1)]))
    assert encoder.encode_sounds([]).shape == (0, 8)


def test_its_canary_is_a_sound(encoder: ClapEncoder) -> None:
    heard, read = canaries(CachedImageEncoder(encoder))
    assert heard.shape == read.shape == (1, 8)


def test_long_texts_are_told(encoder: ClapEncoder) -> None:
    assert list(encoder.overlong_queries(["short", "x" * 200])) == [1]
    assert encoder.encode_text_queries(["x" * 200]).shape == (1, 8)


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="OLHAR_ENCODER=clap:"):
        ClapEncoder(f"clap:{tmp_path}").encode_text_queries(["a"])


def test_rows_say_what_models_take() -> None:
    assert [row.modalities for row in SOUND_ENCODERS] == [("text", "audio"), ("text", "image", "audio")]
    assert encoder_row(SOUND_ENCODERS[0].name) is SOUND_ENCODERS[0]
    assert encoder_row("compact").modalities == ("text", "image")
