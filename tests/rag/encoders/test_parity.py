"""What the gate of an export measures, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from rag.encoders.parity import Limits, Sample, compare, neighbours, recall
from rag.errors import InvalidInput
from rag.types import Fingerprint, Matrix, Pixels
from tests.reads_all import ReadsAll


@dataclass
class Turned(ReadsAll):
    """Text i and picture i point along axis i; those in ``lost`` point elsewhere."""

    lost: tuple[int, ...] = ()
    fingerprint = Fingerprint("turned", "w", "p", 64)
    logit_scale = 1.0
    languages: tuple[str, ...] = ()
    device = "cpu"

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        places = [int(image[0, 0, 0]) for image in images]
        return np.eye(64, dtype=np.float32)[[63 - i if i in self.lost else i for i in places]]

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self.encode_images(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return np.eye(64, dtype=np.float32)[[int(text) for text in texts]]


SAMPLE = Sample(
    [np.full((1, 1, 3), i, np.uint8) for i in range(20)], [str(i) for i in range(20)], list(range(20))
)


def test_the_same_encoder_loses_nothing() -> None:
    parity = compare(Turned(), Turned(), SAMPLE, Limits(cosine=1, loss=0))
    assert parity.failures == ()
    assert parity.cosine == {"image": 1, "text": 1}
    assert parity.recall == parity.recall_original == {"recall@1": 1, "recall@5": 1, "recall@10": 1}


def test_lost_recall_is_measured_and_refused() -> None:
    parity = compare(Turned(), Turned(lost=(3,)), SAMPLE, Limits(cosine=0.9, loss=0.04))
    assert parity.recall["recall@1"] == pytest.approx(0.95)
    assert parity.least_cosine["image"] == 0
    assert parity.failures[0] == "recall@1 falls from 1.000 to 0.950, the limit is 4.0 points"
    assert not compare(Turned(), Turned(lost=(3,)), SAMPLE, Limits(cosine=0.9, loss=0.05)).failures


def test_vectors_that_moved_are_refused_even_where_recall_is_not_measured() -> None:
    unanswered = Sample(SAMPLE.pictures, SAMPLE.texts)
    parity = compare(Turned(), Turned(lost=(3,)), unanswered, Limits(cosine=0.96, loss=0))
    assert parity.recall == {}
    assert len(parity.failures) == 1


def test_equal_scores_count_against_recall() -> None:
    same = np.ones((4, 1), np.float32)
    assert recall(same, same, [0, 1, 2, 3]) == {"recall@1": 0, "recall@5": 1, "recall@10": 1}


def test_neighbours_are_the_share_that_both_have() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    assert neighbours(rows, rows) == 1
    assert neighbours(rows, rows[::-1].copy()) < 0.6
    assert neighbours(rows[:1], rows[:1]) == 1


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(InvalidInput, match="pictures and texts"):
        compare(Turned(), Turned(), Sample([], []), Limits())
