"""A toy space: each known word is an axis; a picture's mean colour says which words it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.store import MilvusStore
from rag.types import Calibration, Fingerprint, Item, LegWeights, Matrix, Pixels, Row, Scope, item_id
from tests.reads_all import ReadsAll

WORDS = ("red", "green", "blue", "dog", "cat", "beach", "snow", "nothing")
SCOPE = Scope("tenant", "photos")
TOY = Calibration(
    full=LegWeights(-3, image=6, caption=6, bm25=1),
    image_only=LegWeights(-3, image=6),
    text_only=LegWeights(-3, caption=6, bm25=1),
    image_query=LegWeights(-3, image=6),
)


class ToyEncoder(ReadsAll):
    """An ``ImageEncoder`` and a ``TextEncoder``: bags of words, and colours for pictures."""

    fingerprint = Fingerprint("toy", "1", "words", len(WORDS))
    logit_scale = 10.0
    languages = ("en",)
    device = "cpu"

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return self._unit([[*image.reshape(-1, 3).mean(0), *[0] * (len(WORDS) - 3)] for image in images])

    encode_image_queries = encode_images

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._unit([[text.casefold().split().count(word) for word in WORDS] for text in texts])

    encode_queries = encode_documents = encode_text_queries

    def _unit(self, rows: Sequence[Sequence[float]]) -> Matrix:
        matrix = np.asarray(rows, np.float32).reshape(-1, len(WORDS))
        matrix[~matrix.any(axis=1), -1] = 1  # what shows none of the words points elsewhere
        return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), np.float32)


def colour(red: int, green: int, blue: int) -> Pixels:
    return np.full((4, 4, 3), (red, green, blue), np.uint8)


def row(name: str, picture: Pixels | None, caption: str = "", scope: Scope = SCOPE) -> Row:
    """An item of some content, with its vectors."""
    encoder = ToyEncoder()
    assert scope.collection is not None
    item = Item(
        id=item_id(scope, name.ljust(64, "0")),
        tenant=scope.tenant,
        collection=scope.collection,
        content_hash=name.ljust(64, "0"),
        sources=(name,),
        caption=caption,
    )
    return Row(
        item,
        encoder.encode_images([picture])[0] if picture is not None else None,
        encoder.encode_documents([caption])[0] if caption else None,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    toy = ToyEncoder.fingerprint
    opened = MilvusStore.open(str(tmp_path / "toy.db"), image=toy, text=toy)
    yield opened
    opened.close()
