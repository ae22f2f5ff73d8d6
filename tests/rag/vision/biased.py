"""A collection that is known to be unfair: two groups, one of them favoured in every way that is measured.

Things are axes of the space, and so is the group: pictures of ``a`` lie on one side, those of ``b`` on the
other. The captions and labels of ``b`` fit less well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from rag.store import MilvusStore
from rag.types import Fingerprint, Matrix, Pixels, Row, Vector
from tests.rag.vision.conftest import drawn_row
from tests.reads_all import ReadsAll

AXES = 24
THINGS = ("cat", "boat", "tree", "dog")
GROUP = 4
ROLES, FEELINGS = 5, 6
COUNTS = {"a": 60, "b": 40}
WORDS = {"leader": (ROLES, 0.8), "helper": (ROLES, -0.8), "love": (FEELINGS, 0.5), "hatred": (FEELINGS, -0.5)}


def pictures() -> dict[str, Vector]:
    """The vector of each picture, by its caption."""
    rng = np.random.default_rng(1)
    found = {}
    for group, count in COUNTS.items():
        for n in range(count):
            vector = rng.normal(0, 0.15, AXES)
            vector[n % len(THINGS)] += 0.8
            vector[GROUP] = 0.5 if group == "a" else -0.5
            found[f"{group}{n:02}"] = np.asarray(vector / np.linalg.norm(vector), np.float32)
    return found


PICTURES = pictures()


class Biased(ReadsAll):
    """Knows the captions, the labels and some words, which lean to one of the groups."""

    fingerprint = Fingerprint("biased", "", "", AXES)
    logit_scale = 20.0
    languages = ("en",)
    device = "cpu"

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        raise NotImplementedError

    encode_image_queries = encode_images

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        found = np.stack([self._vector(text.removeprefix("a photo of a ")) for text in texts])
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def _vector(self, text: str) -> Vector:
        vector = np.zeros(AXES, np.float32)
        if text in THINGS:
            vector[THINGS.index(text)] = 1
        elif text in WORDS:
            axis, leaning = WORDS[text]
            vector[[axis, GROUP]] = 1, leaning
        else:
            noise = np.random.default_rng(sum(map(ord, text))).normal(0, 0.6, AXES)
            known = PICTURES.get(text)
            vector = (noise if known is None else known + noise * (text[0] == "b")).astype(np.float32)
        return np.asarray(vector, np.float32)


def biased_rows() -> list[Row]:
    """Every third label of ``b`` is another thing than the picture shows."""
    found = []
    for caption, vector in PICTURES.items():
        group, n = caption[0], int(caption[1:])
        thing = n + 1 if group == "b" and n % 3 == 0 else n
        found.append(
            drawn_row(
                caption,
                vector,
                caption=caption,
                tags=(THINGS[thing % len(THINGS)],),
                metadata={"group": group},
            )
        )
    return found


@pytest.fixture(scope="module")
def biased_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusStore]:
    path = tmp_path_factory.mktemp("biased") / "biased.db"
    opened = MilvusStore.open(str(path), image=Biased.fingerprint, text=Biased.fingerprint)
    opened.upsert(biased_rows())
    yield opened
    opened.close()
