"""Pictures that are near to every question are held back, and no others."""

from __future__ import annotations

import numpy as np

from rag.encoders.compact.encoder import unit
from rag.encoders.compact.hubs import SHARE, TEMPERATURE, Hubs

RNG = np.random.default_rng(0)
ASKED = unit(RNG.normal(size=(40, 16)).astype(np.float32))
HUB = unit(ASKED.mean(axis=0, keepdims=True))
"""Near to all questions, and the answer to none."""


def hubs() -> Hubs:
    plain = unit(RNG.normal(size=(200, 16)).astype(np.float32))
    return Hubs(ASKED, float(Hubs(ASKED, 0.0).nearness(plain).mean()))


def test_the_nearness_is_that_of_the_inverted_softmax() -> None:
    pictures = unit(RNG.normal(size=(3, 16)).astype(np.float32))
    expected = TEMPERATURE * np.log(np.exp(pictures @ ASKED.T / TEMPERATURE).mean(axis=1))
    np.testing.assert_allclose(hubs().nearness(pictures)[:, 0], expected, atol=1e-5)


def test_a_hub_falls_behind_the_picture_that_is_asked_for() -> None:
    question = unit(ASKED[:1] + 0.3 * HUB)
    right = unit(question + 0.9 * unit(RNG.normal(size=(1, 16)).astype(np.float32)))
    hub = unit(HUB + 0.4 * unit(ASKED[:20].mean(axis=0, keepdims=True)) + 0.5 * question)
    level = hubs()
    before = (question @ np.concatenate([right, hub]).T)[0]
    after = (level.asking(question) @ level.lowered(np.concatenate([right, hub])).T)[0]
    assert after[0] - after[1] > before[0] - before[1]
    taken = SHARE * (level.nearness(hub) - level.nearness(right))[0, 0]
    np.testing.assert_allclose((after[0] - after[1]) - (before[0] - before[1]), taken, atol=0.05)


def test_all_texts_are_treated_alike_and_vectors_stay_of_length_one() -> None:
    level = hubs()
    texts = unit(RNG.normal(size=(5, 16)).astype(np.float32))
    asking, lowered = level.asking(texts), level.lowered(texts)
    np.testing.assert_allclose(asking[:, :-1] @ asking[0, :-1], texts @ texts[0] * 0.9, atol=1e-4)
    for rows in (asking, lowered):
        assert rows.shape == (5, 17)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
