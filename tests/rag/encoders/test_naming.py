"""What a picture shows is told apart from what it merely resembles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.compact.captions import LEAST_AGREEMENT
from rag.encoders.compact.classes import class_vectors
from rag.encoders.compact.compile import packaged
from rag.encoders.compact.naming import SHOWN, Names
from rag.images import decode
from rag.types import Matrix

DEMO = Path(packaged("skimage", "data/chelsea.png")).parent
PICTURES = ("chelsea.png", "rocket.jpg", "coffee.png")


@pytest.fixture(scope="module")
def encoder(models: Path) -> CompactEncoder:
    return CompactEncoder(models, TextTower(models))


@pytest.fixture(scope="module")
def pictures(encoder: CompactEncoder) -> Matrix:
    return encoder.encode_images([decode((DEMO / name).read_bytes(), max_pixels=10**7) for name in PICTURES])


@pytest.mark.parametrize(
    ("question", "right"), [("a photo of a missile", "rocket.jpg"), ("an espresso", "coffee.png")]
)
def test_only_what_shows_the_thing_is_vouched_for(
    question: str, right: str, encoder: CompactEncoder, pictures: Matrix
) -> None:
    (told,) = encoder.named(encoder.encode_text_queries([question]), pictures)
    scores = dict(zip(PICTURES, told.tolist(), strict=True))
    best = scores.pop(right)
    assert best > max(scores.values()) + 0.1
    assert all(-1 <= score <= SHOWN for score in (best, *scores.values()))


def test_what_is_absent_speaks_against_every_picture(encoder: CompactEncoder, pictures: Matrix) -> None:
    assert (encoder.named(encoder.encode_text_queries(["a photo of a zebra"]), pictures) < -0.5).all()


def test_a_sentence_that_names_no_class_says_nothing(encoder: CompactEncoder, pictures: Matrix) -> None:
    asked = encoder.encode_text_queries(["two women are talking and laughing in the street", ""])
    assert (encoder.named(asked, pictures) == 0).all()


def test_nothing_is_told_of_no_pictures() -> None:
    some = np.eye(3, dtype=np.float32)
    assert Names.of(some, some).named(some, some[:0]).shape == (3, 0)


def test_what_a_picture_was_mixed_of_is_found_again(models: Path) -> None:
    """Among classes of which many are alike: a zebra and an espresso machine, a panda and a school bus."""
    classes = class_vectors(models, TextTower(models))
    mixed = np.stack([0.6 * classes[340] + 0.4 * classes[550], 0.7 * classes[388] + 0.3 * classes[779]])
    shares = Names.of(classes, classes[:1]).shares(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))
    assert np.argsort(-shares, axis=1)[:, :2].tolist() == [[340, 550], [388, 779]]
    assert (np.sort(shares, axis=1)[:, -2:].sum(axis=1) > 0.8).all()
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_a_caption_fits_its_own_picture_best(pictures: Matrix, models: Path) -> None:
    text = CompactTextEncoder(TextTower(models))
    said = ["a cat looks at the camera", "a rocket is launched into the sky", "a cup of coffee on a table"]
    captions = text.encode_documents(said)
    own = text.agreement(captions, pictures)
    other = text.agreement(captions, np.roll(pictures, 1, axis=0))
    assert own is not None
    assert other is not None
    assert own.mean() > other.mean() + 0.1
    assert (other >= LEAST_AGREEMENT).all()
    assert text.agreement(captions[:, :384], pictures) is None


@pytest.mark.parametrize(
    "question",
    [
        "a cat",
        "cat",
        "gato",
        "Is there a cat?",
        "a dog",
        "a horse",
        "an animal",
        "a vehicle",
        "um carro",
        "a bike",
        "a jacket",
        "a ship",
        "a cup of coffee",
    ],
)
def test_a_word_for_a_kind_is_held_against_no_picture(
    question: str, encoder: CompactEncoder, pictures: Matrix
) -> None:
    """The classes are breeds: that a cat is of none that is known says nothing against its being one."""
    told = encoder.named(encoder.encode_text_queries([question]), pictures)
    assert told is not None
    assert told.min() > -0.15
