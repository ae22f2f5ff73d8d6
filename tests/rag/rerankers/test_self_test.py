from __future__ import annotations

import numpy as np
import pytest

from rag.rerankers.self_test import PICTURES, by_language, drawn, known_pairs, separation

KNOWN, PORTUGUESE = by_language(sees=False)


def test_each_text_is_right_once_and_wrong_once() -> None:
    for sees in (False, True):
        known = known_pairs(sees=sees)
        assert {one.language for one in known} == {"English", "Portuguese"}
        for side in (True, False):
            answers = [one.pair.text + one.pair.image for one in known if one.right is side]
            assert len(answers) == 6
            assert len(set(answers)) == (3 if sees else 6)
        assert all(bool(one.pair.image) is sees and bool(one.pair.text) is not sees for one in known)


def test_a_model_that_knows_passes() -> None:
    assert separation(KNOWN, [0.9 if one.right else 0.05 for one in KNOWN]) == ""
    assert separation(KNOWN, [0.02 if one.right else 0.001 for one in KNOWN]) == ""


@pytest.mark.parametrize(
    "scores",
    [
        [0.5] * len(KNOWN),
        [0.1 if one.right else 0.9 for one in KNOWN],
        [0.51 if one.right else 0.5 for one in KNOWN],
        [len(one.pair.text) / 100 for one in KNOWN],
        [len(one.pair.question) / 100 for one in KNOWN],
        [0.9 if one.right or one is KNOWN[1] else 0.05 for one in KNOWN],
    ],
)
def test_a_model_that_does_not_fails(scores: list[float]) -> None:
    assert "in English" in separation(KNOWN, scores)


def test_the_language_is_named() -> None:
    assert "in Portuguese" in separation(PORTUGUESE, [0.5] * 6)


def test_the_pictures_are_of_their_colours() -> None:
    red, green, blue = (drawn(f"self-test-{colour}") for colour in ("red", "green", "blue"))
    for channel, picture in enumerate((red, green, blue)):
        assert picture is not None
        assert int(np.argmax(picture[0, 0])) == channel
    assert all(drawn(name) is not None for asked in PICTURES.values() for name in asked.values())
    assert drawn("0" * 64) is None
