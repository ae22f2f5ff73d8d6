"""The matrices hold the numbers that retrieval computes one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rag.evaluation.scoring import Gallery
from rag.retrieval.fusion import log_odds
from rag.retrieval.legs import EncodedQuery, score
from rag.types import Calibration, Item, LegWeights, Matrix, Row

CALIBRATION = Calibration(
    full=LegWeights(-3, image=5, caption=7, bm25=2),
    image_only=LegWeights(-4, image=9),
    text_only=LegWeights(-1),
    image_query=LegWeights(-2),
)
CAPTIONS = ["a red dog in the snow", "", "two cats", "the sea", "", "Red beach, red CAT"]
QUERIES = ["red dog", "a cat on the beach", "where is the", "nothing of that", "CÁT"]


def random(rng: np.random.Generator, *shape: int) -> Matrix:
    rows = rng.normal(size=shape).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("captions", [CAPTIONS, [""] * len(CAPTIONS)])
def test_legs_and_fusion_are_those_of_retrieval(captions: list[str]) -> None:
    rng = np.random.default_rng(0)
    images, words = random(rng, len(captions), 8), random(rng, len(captions), 5)
    by_image, by_caption = random(rng, len(QUERIES), 8), random(rng, len(QUERIES), 5)
    vectors = {place: words[place] for place, caption in enumerate(captions) if caption}
    gallery = Gallery(images, vectors, captions, CALIBRATION)
    legs = gallery.scores(QUERIES, by_image, by_caption)
    fused = gallery.fused(legs)
    assert set(legs) == ({"image", "caption", "bm25"} if any(captions) else {"image"})
    rows = [
        Row(Item(str(place), "t", "c", "", ("x",), caption=caption), images[place], vectors.get(place))
        for place, caption in enumerate(captions)
    ]
    for q, text in enumerate(QUERIES):
        query = EncodedQuery(by_image[q], None, by_caption[q], text)
        for place, one in enumerate(score(rows, query)):
            assert fused[q, place] == pytest.approx(log_odds(one.legs, CALIBRATION), abs=1e-5)
            assert legs["image"][q, place] == pytest.approx(one.legs.image, abs=1e-6)
            if any(captions):
                found = -math.inf if one.legs.caption is None else one.legs.caption
                assert legs["caption"][q, place] == pytest.approx(found, abs=1e-6)
                # A photo without any of the words is scored 0 there, and not found here.
                assert legs["bm25"][q, place] == pytest.approx(one.legs.bm25 or -math.inf)
