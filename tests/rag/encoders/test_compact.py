"""The packaged encoder: real weights, real ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.compact.classes import class_names, class_phrases, everyday_words
from rag.encoders.compact.compile import packaged
from rag.encoders.compact.encoder import mix
from rag.encoders.compact.portuguese import digest
from rag.errors import ModelUnavailable
from rag.images import decode
from rag.models import encoder_row
from rag.types import Pixels

DEMO = Path(packaged("skimage", "data/chelsea.png")).parent


@pytest.fixture(scope="module")
def encoder(models: Path) -> CompactEncoder:
    return CompactEncoder(models, TextTower(models))


CANONICAL_TEXT = [0.02764, 0.07645, 0.02324, 0.01981]
CANONICAL_IMAGE = (
    [-0.15786, 0.12207, 0.39892, 0.05977],
    [-0.01226, 0.04076, -0.00036, -0.00258],
)
CANONICAL_QUERY = [-0.09414, -0.06640, 0.20123, 0.06692]


def photo(name: str) -> Pixels:
    return decode((DEMO / name).read_bytes(), max_pixels=10**7)


def test_vectors_are_normalised_float32(encoder: CompactEncoder) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 40, 70, 3), np.uint8)
    for matrix in (
        encoder.encode_images(list(noise)),
        encoder.encode_text_queries(["a dog", "", "日本" * 600]),
    ):
        assert matrix.shape == (3, encoder.fingerprint.dimension)
        assert matrix.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)


def test_nothing_in_nothing_out(encoder: CompactEncoder) -> None:
    assert encoder.encode_images([]).shape == (0, 897)
    assert encoder.encode_text_queries([]).shape == (0, 897)


def test_texts_that_are_cut_are_flagged_with_their_tokens(encoder: CompactEncoder, models: Path) -> None:
    texts = ["dog " * 254, "dog " * 255, "日本" * 127, "日本" * 128]
    assert encoder.max_tokens == CompactTextEncoder.max_tokens == 256
    assert encoder.overlong_queries(texts) == {1: 257, 3: 258}
    assert CompactTextEncoder(TextTower(models)).overlong_documents(texts) == {1: 257, 3: 258}
    whole, cut = encoder.encode_text_queries(["dog " * 254, "dog " * 254 + "beach"])
    np.testing.assert_allclose(whole, cut, atol=1e-6)


def test_a_vector_does_not_depend_on_its_batch(encoder: CompactEncoder) -> None:
    texts = ["a dog", "a very much longer text about two dogs that run along a sandy beach", "cat"]
    alone = np.concatenate([encoder.encode_text_queries([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode_text_queries(texts), alone, atol=1e-5)
    pictures = [photo("chelsea.png"), photo("coffee.png"), photo("rocket.jpg")]
    alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    np.testing.assert_allclose(encoder.encode_images(pictures), alone, atol=1e-4)


def test_canonical_first_components(encoder: CompactEncoder, models: Path) -> None:
    """Another version of a package or of the code that moved the space would show here."""
    text = CompactTextEncoder(TextTower(models)).encode_queries(["a photo of a cat"])[0, :4]
    np.testing.assert_allclose(text, CANONICAL_TEXT, atol=2e-4)
    learned, classes = CANONICAL_IMAGE
    image = encoder.encode_images([photo("chelsea.png")])[0]
    np.testing.assert_allclose(image[:4], learned, atol=2e-3)
    np.testing.assert_allclose(image[512:516], classes, atol=2e-3)
    query = encoder.encode_text_queries(["a photo of a cat"])[0, :4]
    np.testing.assert_allclose(query, CANONICAL_QUERY, atol=5e-4)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("chelsea.png", "a cat", "a motorcycle"),
        ("rocket.jpg", "a rocket", "a cup of coffee"),
        ("coffee.png", "a cup of coffee", "a rocket"),
        ("motorcycle_left.png", "a motorcycle", "a cat"),
    ],
)
def test_a_photo_is_nearer_to_what_it_shows(
    encoder: CompactEncoder, name: str, right: str, wrong: str
) -> None:
    vector = encoder.encode_images([photo(name)])[0]
    near, far = encoder.encode_text_queries([right, wrong]) @ vector
    assert near > far + 0.1


@pytest.mark.parametrize(
    ("portuguese", "english", "other"),
    [
        ("um cão preto na praia", "a black dog on the beach", "a red motorcycle in the street"),
        ("MOTOCICLETA VERMELHA NA RUA", "a red motorcycle in the street", "a black dog on the beach"),
    ],
)
def test_portuguese_means_what_english_does(
    encoder: CompactEncoder, models: Path, portuguese: str, english: str, other: str
) -> None:
    text = CompactTextEncoder(TextTower(models))
    for encode in (encoder.encode_text_queries, text.encode_queries, text.encode_documents):
        said, near, far = encode([portuguese, english, other])
        assert said @ near > 0.9
        assert said @ far < 0.6


def test_another_lexicon_is_another_space(encoder: CompactEncoder, models: Path) -> None:
    for part in (encoder, CompactTextEncoder(TextTower(models))):
        assert digest() in part.fingerprint.preprocessing
    assert encoder.languages == encoder_row("compact").languages == encoder_row("minilm").languages


def test_the_mix_is_a_softmax_over_the_likeliest_classes() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(5, 1000)).astype(np.float32) * 3
    classes = rng.normal(size=(1000, 16)).astype(np.float32)
    for row, mixed in zip(logits, mix(logits, classes), strict=True):
        top = np.argsort(-row)[:20]
        weights = np.exp(row[top] / 1.5)
        expected = (weights / weights.sum()) @ classes[top]
        np.testing.assert_allclose(mixed, expected / np.linalg.norm(expected), atol=1e-5)


def test_every_class_has_names_and_phrases() -> None:
    assert len(class_names()) == len(class_phrases()) == 1000
    assert all(group and all(phrase.strip() for phrase in group) for group in class_phrases())
    assert {"dog", "cat", "motorcycle"} <= set(everyday_words())


def test_a_missing_package_names_the_remedy() -> None:
    with pytest.raises(ModelUnavailable, match="requirements-models"):
        packaged("no_such_package_of_weights", "x")


def test_its_idle_threads_sleep(encoder: CompactEncoder) -> None:
    for session in (encoder._image._session, encoder._text._parts[1]):
        told = session.get_session_options()
        assert told.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_question_is_read_once_for_pictures_and_captions(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower, runs = TextTower(models), list[list[int]]()
    _, session = tower._parts
    monkeypatch.setitem(vars(tower), "_parts", (tower._parts[0], Watched(session, runs)))
    first = CompactEncoder(models, tower).encode_text_queries(["a dog on a beach"])
    CompactTextEncoder(tower).encode_queries(["a dog on a beach"])
    assert len([run for run in runs if run == [1]]) == 1
    assert first.shape[0] == 1


class Watched:
    """A session that notes how many texts each run has."""

    def __init__(self, session: Any, runs: list[list[int]]) -> None:
        self._session, self._runs = session, runs

    def run(self, names: Any, inputs: dict[str, Any]) -> Any:
        self._runs.append([len(inputs["ids"])])
        return self._session.run(names, inputs)
