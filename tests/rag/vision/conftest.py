"""A collection of drawn vectors: three kinds of things, in a real store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from rag.store import MilvusStore
from rag.types import Fingerprint, Item, Matrix, Pixels, Row, Scope, Vector, item_id
from rag.vision.zero_shot import ZeroShot
from tests.reads_all import ReadsAll

SCOPE = Scope("default", "drawn")
THINGS = ("cat", "boat", "tree")
AXES = 16


class Drawn(ReadsAll):
    """Each thing is an axis of the space, each word too; a caption lies near what it names."""

    fingerprint = Fingerprint("drawn", "", "", AXES)
    logit_scale = 20.0
    languages = ("en",)
    device = "cpu"

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        raise NotImplementedError

    encode_image_queries = encode_images

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        rows = [[float(thing in text) for thing in THINGS] + [0.0] * (AXES - 4) + [0.5] for text in texts]
        found = np.asarray(rows, np.float32)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def drawn_row(name: str, vector: Vector, **more: object) -> Row:
    item = Item(
        id=item_id(SCOPE, name.rjust(64, "0")),
        tenant=SCOPE.tenant,
        collection=SCOPE.collection or "",
        content_hash=name.rjust(64, "0"),
        sources=(f"{name}.jpg",),
        **more,  # type: ignore[arg-type]  # fields of an item
    )
    return Row(item, np.asarray(vector / np.linalg.norm(vector), np.float32))


def rows() -> list[Row]:
    """Twenty cats, thirty boats, and forty trees that were added later; one picture of nothing known."""
    rng = np.random.default_rng(0)
    found = []
    for axis, (thing, count) in enumerate(zip(THINGS, (20, 30, 40), strict=True)):
        for n in range(count):
            vector = (np.eye(AXES)[axis] + rng.normal(0, 0.08, AXES)).astype(np.float32)
            found.append(
                drawn_row(
                    f"{axis}{n:03}",
                    vector,
                    caption=f"a {thing}",
                    phash=f"{rng.integers(1, 2**63):016x}",
                    created_at=2_000 if thing == "tree" else 1_000,
                )
            )
    found.append(drawn_row("alone", -np.ones(AXES, np.float32), created_at=1_000, phash=found[0].item.phash))
    return found


@pytest.fixture(scope="session")
def drawn_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusStore]:
    """Only read."""
    path = tmp_path_factory.mktemp("drawn") / "drawn.db"
    opened = MilvusStore.open(str(path), image=Drawn.fingerprint, text=Drawn.fingerprint)
    opened.upsert(rows())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def words() -> ZeroShot:
    return ZeroShot(Drawn(), THINGS)
