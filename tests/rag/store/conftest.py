"""The store on both of its back ends, and rows to put into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from rag.protocols import Store
from rag.store import MilvusStore
from rag.types import Fingerprint, Item, Row, Scope, Vector
from tests.milvus_server import patiently, serving

IMAGE = Fingerprint("pictures", "w1", "p1", 16)
TEXT = Fingerprint("words", "w2", "p2", 8)


class MakeRow(Protocol):
    """``make_row("id", caption="…", image=None)``: a row of the test's own scope, with random vectors."""

    def __call__(self, item_id: str, **fields: Any) -> Row: ...


@pytest.fixture(scope="session")
def server_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Milvus Lite server in a process of its own, on loopback."""
    with serving(tmp_path_factory.mktemp("server")) as uri:
        yield uri


@pytest.fixture(scope="session", params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the session: tests keep apart by their scopes."""
    if request.param == "file":
        opened = MilvusStore.open(str(tmp_path_factory.mktemp("file") / "m.db"), image=IMAGE, text=TEXT)
    else:
        opened = patiently(request.getfixturevalue("server_uri"), IMAGE, TEXT)
    yield opened
    opened.close()


_numbers = itertools.count()


@pytest.fixture
def scope() -> Scope:
    """A tenant and collection that no other test has."""
    return Scope(f"tenant{next(_numbers)}", "photos")


@pytest.fixture
def make_row(scope: Scope) -> MakeRow:
    rng = np.random.default_rng(0)

    def make(item_id: str, **fields: Any) -> Row:
        image, caption = fields.pop("image", unit(rng, 16)), fields.pop("words", unit(rng, 8))
        own: dict[str, Any] = {
            "tenant": scope.tenant,
            "collection": scope.collection,
            "content_hash": "0" * 64,
            "sources": ("a.jpg",),
        }
        # Ids are unique in the store as a whole, as ids made from content are.
        return Row(Item(id=item_id, **{**own, **fields}), image, caption)

    return make


@pytest.fixture
def open_file(tmp_path: Path) -> Iterator[Callable[..., MilvusStore]]:
    """Opens the test's own Milvus Lite file, again and again."""
    opened: list[MilvusStore] = []

    def open_(**changes: Any) -> MilvusStore:
        opened.append(MilvusStore.open(str(tmp_path / "m.db"), **{"image": IMAGE, "text": TEXT, **changes}))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def unit(rng: np.random.Generator, size: int) -> Vector:
    vector = rng.normal(size=size).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
