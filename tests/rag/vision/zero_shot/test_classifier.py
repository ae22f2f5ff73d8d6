"""Labels by their words: probabilities as the formulas say, none of these, descriptions, templates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.types import LabelCalibration, Matrix
from rag.vision.zero_shot import Classifier, Wanted
from rag.vision.zero_shot.prompts import LABELS, TEMPLATES, label_vectors
from tests.rag.vision.conftest import THINGS, Drawn

LABELS_OF_THINGS = [Wanted(thing) for thing in THINGS]
FITTED = LabelCalibration(scale=20.0, none=0.5, slope=10.0, bias=-5.0)


def image(*weights: float) -> Matrix:
    row = np.zeros((1, 16), np.float32)
    row[0, : len(weights)] = weights
    return row / np.float32(np.linalg.norm(row))


def test_one_label_among_several_is_a_softmax_at_the_calibrated_temperature() -> None:
    classifier = Classifier(Drawn(), LABELS_OF_THINGS, calibration=FITTED)
    (found,) = classifier.classify(image(1, 0.2))
    cosines = (image(1, 0.2) @ classifier.vectors.T)[0]
    odds = np.exp([*(20 * cosines), 20 * 0.5 + np.log(3)])
    assert [one.name for one in found.labels] == ["cat", "boat", "tree"]
    assert found.labels[0].probability == pytest.approx(odds[0] / odds.sum(), abs=1e-6)
    assert found.none == pytest.approx(odds[3] / odds.sum(), abs=1e-6)
    assert found.best is not None


def test_with_a_spread_it_is_the_mean_of_two_softmaxes() -> None:
    spread = replace(FITTED, spread=2.0)
    (found,) = Classifier(Drawn(), LABELS_OF_THINGS, calibration=spread).classify(image(1, 0.2))
    (soft,), (sharp,) = (
        Classifier(Drawn(), LABELS_OF_THINGS, calibration=replace(FITTED, scale=scale)).classify(
            image(1, 0.2)
        )
        for scale in (10.0, 40.0)
    )
    assert soft.labels[0].probability < found.labels[0].probability < sharp.labels[0].probability
    for label, one, other in zip(found.labels, soft.labels, sharp.labels, strict=True):
        assert label.probability == pytest.approx((one.probability + other.probability) / 2)
    assert found.none is not None
    assert found.none + sum(one.probability for one in found.labels) == pytest.approx(1)


def test_a_picture_of_nothing_named_is_none_of_these() -> None:
    nothing = np.eye(16, dtype=np.float32)[[5]]
    (found,) = Classifier(Drawn(), LABELS_OF_THINGS, calibration=FITTED).classify(nothing)
    assert found.best is None
    (guessed,) = Classifier(Drawn(), LABELS_OF_THINGS).classify(nothing)
    assert guessed.none is not None
    (forced,) = Classifier(Drawn(), LABELS_OF_THINGS, none=False).classify(nothing)
    assert forced.none is None
    assert forced.best is not None
    assert sum(one.probability for one in forced.labels) == pytest.approx(1)


def test_several_labels_may_fit_one_picture() -> None:
    (found,) = Classifier(Drawn(), LABELS_OF_THINGS, calibration=FITTED, multi=True).classify(image(1, 1))
    cosine = float((image(1, 1) @ Classifier(Drawn(), LABELS_OF_THINGS).vectors.T)[0, 0])
    assert found.labels[0].probability == pytest.approx(1 / (1 + np.exp(5 - 10 * cosine)), abs=1e-6)
    assert found.labels[0].probability == pytest.approx(found.labels[1].probability)
    assert found.labels[2].probability < found.labels[0].probability
    assert found.none is None


def test_a_description_counts_as_much_as_the_name() -> None:
    plain, told = label_vectors(Drawn(), [Wanted("cat"), Wanted("cat", "a tree")], TEMPLATES["en"])
    assert plain[2] == 0
    assert told[0] == pytest.approx(told[2])


def test_templates_of_ones_own_take_the_place_of_the_others() -> None:
    sketch = Classifier(Drawn(), [Wanted("cat")], templates=["a sketch of a {}, a boat"])
    assert sketch.vectors[0, 1] > 0
    assert Classifier(Drawn(), [Wanted("cat")], language="pt").vectors[0, 1] == 0


@pytest.mark.parametrize(
    ("names", "templates", "told"),
    [
        ([], [], "give 1 to"),
        (["a"] * (LABELS + 1), [], "give 1 to"),
        (["cat", " cat "], [], "given twice: cat"),
        ([" "], [], "empty"),
        (["cat"], ["a photo"], "{} once"),
        (["cat"], ["{} and {}"], "{} once"),
        (["cat"], ["{} {name}"], "{} once"),
    ],
)
def test_what_cannot_be_used_is_said(names: list[str], templates: list[str], told: str) -> None:
    with pytest.raises(InvalidInput, match=told.replace("{", r"\{")):
        Classifier(Drawn(), [Wanted(name) for name in names], templates=templates)


def test_no_pictures_have_no_labels() -> None:
    assert Classifier(Drawn(), LABELS_OF_THINGS).classify(np.zeros((0, 16), np.float32)) == []
