"""Verdicts: a softmax over all categories, flagged over the threshold, the most severe action counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag.errors import Moderated
from rag.types import Matrix, ModerationScales, Pixels, Query, Sound
from rag.vision.moderation import Action, Category, Moderator, Policy, QueryGate
from tests.rag.vision.conftest import Drawn

CAT = Category("cats", ("a cat", "something like a tree"), action="quarantine")
BOAT = Category("boats", ("a boat",), threshold=0.9)
SAFE = Category("trees", ("nothing",), unsafe=False)
POLICY = Policy("test", (CAT, BOAT, SAFE))
SCALES = {"en": ModerationScales(8.0, 2.0)}


class Seeing(Drawn):
    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return np.eye(16, dtype=np.float32)[[0] * len(images)]

    encode_image_queries = encode_images
    hears = sees = True

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        return np.eye(16, dtype=np.float32)[[0] * len(sounds)]


def test_the_nearest_prompt_of_a_category_counts_in_one_softmax() -> None:
    image = np.eye(16, dtype=np.float32)[[0]]
    (verdict,) = Moderator(Drawn(), POLICY, SCALES).of_images(image)
    prompts = Drawn().encode_text_queries(["a cat", "a boat", "nothing"])
    odds = np.exp(8 * (image @ prompts.T)[0].astype(float))
    assert list(verdict.scores.values()) == pytest.approx((odds / odds.sum()).tolist())
    assert verdict.flagged_categories == ("cats",)
    assert not verdict.is_safe
    assert verdict.confidence == pytest.approx(1 - verdict.scores["cats"])
    assert (verdict.action, verdict.kept_out) == ("quarantine", True)
    assert verdict.told.startswith("cats ")
    tree = Moderator(Drawn(), POLICY, SCALES).of_images(np.eye(16, dtype=np.float32)[[2]])[0]
    assert tree.flagged_categories == ("cats",)


def test_below_its_threshold_nothing_is_flagged() -> None:
    policy = Policy("test", (replace(CAT, threshold=0.999), BOAT, SAFE))
    (verdict,) = Moderator(Drawn(), policy, SCALES).of_images(np.eye(16, dtype=np.float32)[[0]])
    assert (verdict.is_safe, verdict.action, verdict.flagged_categories) == (True, "allow", ())


def test_a_policy_has_the_scale_of_its_encoder_unless_it_names_one() -> None:
    image = np.eye(16, dtype=np.float32)[[0]]
    own = Moderator(Drawn(), POLICY).of_images(image)[0].scores["cats"]
    fitted = Moderator(Drawn(), POLICY, SCALES).of_images(image)[0].scores["cats"]
    named = Moderator(Drawn(), replace(POLICY, scale=20.0), SCALES).of_images(image)[0].scores["cats"]
    assert fitted < own == named


@pytest.mark.parametrize(("action", "out"), [("allow", 0), ("flag", 0), ("quarantine", 1), ("reject", 1)])
def test_queries_are_kept_out_by_their_words_and_their_pictures(action: Action, out: bool) -> None:
    policy = Policy("test", (replace(CAT, action=action), SAFE), scale=20.0)
    gate = QueryGate(Seeing(), Moderator(Seeing(), policy))
    heard = (np.zeros(10, np.int16),)
    for query in (Query("a cat"), Query(image=np.zeros((2, 2, 3), np.uint8)), Query(sound=heard)):
        if out:
            with pytest.raises(Moderated, match=r"cats .*ask in other words"):
                gate(query)
        else:
            gate(query)
    gate(Query("nothing"))
    QueryGate(Seeing(), None)(Query("a cat"))
