"""The matrices hold the numbers that retrieval computes one by one."""

from __future__ import annotations

import numpy as np
import pytest

from rag.evaluation.scoring import LEGS, Gallery, alone, only
from rag.retrieval.encoding import EncodedQuery, EncodedText
from rag.retrieval.fusion import calibrated, log_odds
from rag.retrieval.insight import Insight
from rag.retrieval.legs import score
from rag.types import Calibration, Item, LegWeights, Matrix, Row

CALIBRATION = Calibration(
    full=LegWeights(-3, image=5, caption=7, bm25=2, agreement=-2, named=1),
    image_only=LegWeights(-4, image=9, named=3),
    text_only=LegWeights(-1),
    image_query=LegWeights(-2),
)
CAPTIONS = ["a red dog in the snow", "", "two cats", "the sea", "", "Red beach, red CAT"]
INSIGHT = Insight(
    named=lambda queries, images: np.minimum(queries @ images.T, 0),
    agreement=lambda captions, images: (captions * images[:, :5]).sum(axis=1),
)
QUERIES = ["red dogs", "a cat on the beach", "where is the", "nothing of that", "CÁT"]


def random(rng: np.random.Generator, *shape: int) -> Matrix:
    rows = rng.normal(size=shape).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("pictures", [True, False], ids=["photos", "passages"])
@pytest.mark.parametrize("captions", [CAPTIONS, [""] * len(CAPTIONS)], ids=["captioned", "bare"])
def test_legs_and_fusion_are_those_of_retrieval(captions: list[str], pictures: bool) -> None:
    rng = np.random.default_rng(0)
    images, words = random(rng, len(captions), 8), random(rng, len(captions), 5)
    by_image, by_text = random(rng, len(QUERIES), 8), random(rng, len(QUERIES), 5)
    texts = {place: words[place] for place, caption in enumerate(captions) if caption}
    gallery = Gallery(images if pictures else None, texts, captions, INSIGHT)
    legs = gallery.scores(QUERIES, by_image, by_text)
    fused = calibrated(legs, CALIBRATION)
    rows = [
        Row(
            Item(str(place), "t", "c", "", ("x",), caption=caption),
            images[place] if pictures else None,
            texts.get(place),
        )
        for place, caption in enumerate(captions)
    ]
    for q, text in enumerate(QUERIES):
        query = EncodedQuery(EncodedText(by_image[q], by_text[q], text), None, None)
        for place, one in enumerate(score(rows, query, INSIGHT)):
            assert fused[q, place] == pytest.approx(log_odds(one.legs, CALIBRATION), abs=1e-5)
            for leg in LEGS:
                known = getattr(one.legs, leg)
                value = getattr(legs, leg)[q, place]
                assert value == pytest.approx(np.nan if known is None else known, abs=1e-6, nan_ok=True)


def test_a_leg_that_was_not_chosen_is_missing() -> None:
    rng = np.random.default_rng(0)
    gallery = Gallery(random(rng, 2, 8), {0: random(rng, 1, 5)[0]}, ["red", ""], INSIGHT)
    scores = gallery.scores(["red"], random(rng, 1, 8), random(rng, 1, 5))
    legs = only(scores, ["image", "bm25"])
    assert np.isnan(legs.caption).all()
    assert not np.isnan(legs.image).any()
    assert not np.isnan(legs.bm25[0, 0])
    # Nor does what is told by two legs, or by pictures, count without them.
    assert (legs.agreement is None, legs.named is None) == (True, False)
    assert only(scores, ["caption"]).named is None
    assert only(scores, ["image", "caption"]).agreement is not None


def test_bm25_alone_does_not_find_what_holds_none_of_the_words() -> None:
    rng = np.random.default_rng(0)
    words = random(rng, 2, 5)
    gallery = Gallery(None, dict(enumerate(words)), ["red", "blue"])
    legs = gallery.scores(["red"], None, words[:1])
    assert np.isfinite(alone(legs, "bm25")).tolist() == [[True, False]]
    assert np.isfinite(alone(legs, "caption")).all()
