"""Zero-shot labels: the softmax of the paper, at the encoder's own temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.types import Fingerprint, Matrix, Pixels
from rag.vision.zero_shot import ZeroShot
from tests.reads_all import ReadsAll

WORDS = ("cat", "dog", "rocket")


class Axes(ReadsAll):
    """Each word is an axis of the space."""

    fingerprint = Fingerprint("axes", "", "", 3)
    logit_scale = 4.0
    languages = ("en",)
    device = "cpu"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        raise NotImplementedError

    encode_image_queries = encode_images

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        self.asked.append(list(texts))
        return np.eye(3, dtype=np.float32)


def test_it_is_a_softmax_of_scaled_cosines() -> None:
    image = np.asarray([[0.6, 0.8, 0.0]], np.float32)
    (labels,) = ZeroShot(Axes(), WORDS).label(image)
    odds = np.exp(4.0 * image[0])
    assert [label.name for label in labels] == ["dog", "cat", "rocket"]
    np.testing.assert_allclose(
        [label.probability for label in labels], (odds / odds.sum())[[1, 0, 2]], atol=1e-6
    )


def test_the_vocabulary_is_encoded_once_and_only_when_needed() -> None:
    encoder = Axes()
    zero_shot = ZeroShot(encoder, WORDS)
    assert zero_shot.label(np.zeros((0, 3), np.float32)) == []
    assert encoder.asked == []
    for _ in range(2):
        zero_shot.label(np.eye(3, dtype=np.float32), top=1)
    assert encoder.asked == [["a photo of a cat", "a photo of a dog", "a photo of a rocket"]]
