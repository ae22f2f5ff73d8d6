"""Questions are drawn from captions so that none finds itself; figures come from questions not fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.evaluation.calibrating import Captioned, calibrate, questions_of
from rag.models import GENERIC
from rag.types import Matrix
from tests.rag.retrieval.conftest import WORDS, ToyEncoder

PLACES = [f"{a} {b} {c}" for a in WORDS[:4] for b in WORDS[4:7] for c in WORDS[:7]]


def photos(captions: int) -> Captioned:
    """Pictures that show two of the three words of their captions; each caption has another word more."""
    encoder = ToyEncoder()
    noise = np.random.default_rng(0).normal(0, 0.1, (len(PLACES), len(WORDS))).astype(np.float32)
    images: Matrix = encoder.encode_text_queries([place.rsplit(" ", 1)[0] for place in PLACES]) + noise
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    return Captioned(images, [[f"{place} n{n}" for n in range(captions)] for place in PLACES])


def test_a_question_is_never_what_is_stored_of_its_photo() -> None:
    for count in (1, 2, 3):
        asked = questions_of(photos(count), ToyEncoder(), ToyEncoder())
        own = asked.legs.bm25[np.arange(len(asked.right)), asked.right]
        # All words but the last are shared; with the last it would be the caption itself.
        assert np.nanmax(own, initial=0.0) < 1
        assert asked.captions == (count > 1)


def test_fitting_helps_on_questions_that_were_not_seen() -> None:
    fitted = calibrate(questions_of(photos(3), ToyEncoder(), ToyEncoder()), GENERIC)
    assert fitted.after.reliability.ece < fitted.before.reliability.ece
    assert fitted.after.reliability.ece < 0.15
    assert fitted.after.recall_at_1 >= fitted.before.recall_at_1 - 0.02
    assert fitted.calibration.fitted


def test_without_second_captions_only_pictures_are_fitted() -> None:
    fitted = calibrate(questions_of(photos(1), ToyEncoder(), ToyEncoder()), GENERIC)
    assert not fitted.captions
    assert fitted.calibration.full == GENERIC.full
    assert fitted.calibration.image_only != GENERIC.image_only
    assert not fitted.calibration.fitted


def test_too_few_captions_are_refused_with_the_remedy() -> None:
    few = photos(2)
    with pytest.raises(InvalidInput, match="--dataset"):
        questions_of(Captioned(few.images[:9], few.captions[:9]), ToyEncoder(), ToyEncoder())
