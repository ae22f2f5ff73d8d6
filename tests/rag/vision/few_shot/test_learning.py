"""Labels from a few examples: better than by words alone, and kept as bytes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import Conflict, InvalidInput
from rag.types import Matrix
from rag.vision.few_shot.learning import SEEN, learn
from rag.vision.few_shot.packing import pack, unpack
from rag.vision.few_shot.trained import LearnedClassifier

LABELS = ("ours", "theirs")


def photos(count: int, seed: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """Pictures of two brands that differ in one direction only, which their names say nothing of."""
    rng = np.random.default_rng(seed)
    ours = np.arange(count) % 2 == 0
    drawn = rng.normal(0, 0.2, (count, 16))
    drawn[:, 0] += 1
    drawn[:, 1] += np.where(ours, 0.6, -0.6)
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32), ours


def words() -> Matrix:
    """Both names lie nearly alike."""
    rows = np.zeros((2, 16), np.float32)
    rows[:, 0], rows[0, 2], rows[1, 2] = 1, 0.1, -0.1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_examples_tell_apart_what_words_do_not() -> None:
    images, ours = photos(20, seed=0)
    places = np.arange(20)
    learned = learn({"ours": places[ours].tolist(), "theirs": places[~ours].tolist()}, images, words())
    others, truth = photos(200, seed=1)
    found = LearnedClassifier(learned, none=False).classify(others)
    right = np.mean([(one.labels[0].name == "ours") == true for one, true in zip(found, truth, strict=True)])
    by_words = np.mean((others @ words().T).argmax(axis=1) == np.where(truth, 0, 1))
    assert right > 0.95 > by_words + 0.2


def test_each_for_itself_one_of_them_and_none() -> None:
    images, ours = photos(20, seed=0)
    places = np.arange(20)
    learned = learn({"ours": places[ours].tolist(), "theirs": places[~ours].tolist()}, images, words())
    (multi,) = LearnedClassifier(learned, multi=True).classify(images[:1])
    logit = learned.logits(images[:1])[0, 0]
    assert multi.labels[0].probability == pytest.approx(1 / (1 + np.exp(-logit)))
    assert multi.none is None
    (one,) = LearnedClassifier(learned).classify(images[:1])
    assert one.none is not None
    assert one.none + sum(label.probability for label in one.labels) == pytest.approx(1)
    assert LearnedClassifier(learned).classify(images[:0]) == []


@pytest.mark.parametrize("rare", [0.1, 0.5, 0.9])
def test_how_common_a_label_is_comes_from_the_pictures_that_are_sorted(rare: float) -> None:
    images, ours = photos(20, seed=0)
    places = np.arange(20)
    examples = {"ours": places[ours].tolist(), "theirs": places[~ours].tolist()}
    others, truth = photos(1000, seed=2)
    few = np.concatenate(
        [np.flatnonzero(truth)[: int(rare * 500)], np.flatnonzero(~truth)[int(rare * 500) :]]
    )
    learned = learn(examples, images, words(), seen=others[few])
    assert learned.shares is not None
    assert learned.shares.tolist() == pytest.approx([rare, 1 - rare], abs=0.1)
    unsure = np.mean([images[ours].mean(axis=0), images[~ours].mean(axis=0)], axis=0, keepdims=True)
    plain = learn(examples, images, words()).logits(unsure)
    moved = learned.logits(unsure) - plain
    assert moved[0].tolist() == pytest.approx(
        np.log(learned.shares / (1 - learned.shares)).tolist(), abs=1e-4
    )


def test_of_a_handful_of_pictures_it_is_not_told_how_common_a_label_is() -> None:
    images, ours = photos(20, seed=0)
    places = np.arange(20)
    examples = {"ours": places[ours].tolist(), "theirs": places[~ours].tolist()}
    assert learn(examples, images, words(), seen=images).shares is None
    alike = np.repeat(images[ours][:1], SEEN, axis=0)
    shares = learn(examples, images, words(), seen=alike).shares
    assert shares is not None
    assert (shares >= 1 / SEEN).all()
    assert (shares <= 1 - 1 / SEEN).all()


@pytest.mark.parametrize("seen", [0, SEEN])
def test_what_was_learned_comes_back_from_its_bytes(seen: int) -> None:
    images, ours = photos(20, seed=0)
    places = np.arange(20)
    examples = {"ours": places[ours].tolist(), "theirs": places[~ours].tolist()}
    learned = learn(examples, images, words(), seen=photos(seen, seed=3)[0] if seen else None)
    again = unpack(pack(learned), LABELS)
    np.testing.assert_array_equal(again.logits(images), learned.logits(images))
    assert (again.shares is None) == (not seen)
    np.testing.assert_array_equal(again.shares, learned.shares)
    with pytest.raises(Conflict, match="teach it again"):
        unpack(b"no weights", LABELS)
    with pytest.raises(Conflict, match="does not fit"):
        unpack(pack(learned), ["one"])


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        ({"a": [0, 1]}, "two labels"),
        ({"a": [0, 1], "b": [2]}, "'b' has 1 examples"),
        ({"a": [0, 1, 2, 3], "b": [2, 3]}, "every example shows 'a'"),
    ],
)
def test_what_cannot_be_learned_is_said(examples: dict[str, list[int]], told: str) -> None:
    images, _ = photos(4, seed=0)
    with pytest.raises(InvalidInput, match=told):
        learn(examples, images, words()[: len(examples)])
