"""What is answered past Milvus Lite is what Milvus Lite answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import milvus_lite.engine.collection
import numpy as np
import pytest
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from pymilvus import MilvusClient

from rag.store import MilvusStore, filters
from rag.store.embedded import state
from rag.store.embedded.channel import EmbeddedChannel
from rag.store.embedded.searching import Servicer
from rag.store.rows import ROW_FIELDS
from rag.types import AllOf, Filter, Item, Leg, Not, Row, Scope, Vector, Where
from tests.rag.store.conftest import MakeRow, unit

Open = Callable[..., MilvusStore]

OURS: Final = Scope("us", "photos")
SCOPES: Final = (OURS, Scope("us", "more"), Scope("them", "photos"))
WORDS: Final = (
    "a", "black", "dog", "cat", "runs", "plays", "on", "the", "beach", "snow", "ball", "Rio", "coração",
)  # fmt: skip
FILTERS: Final[Sequence[Filter | None]] = (
    None,
    Where("page", "lt", 3),
    Not(Where("tags", "contains", "snow")),
    AllOf((Where("metadata.album", "eq", "Rio"), Where("page", "ge", 2))),
    Where("id", "in", ("i1", "i2", "i3")),
)
ALL: Final = 400
CLOSE: Final = 1e-5


@pytest.fixture
def changed(open_file: Open) -> MilvusStore:
    """Of many small changes: several segments, rows that were replaced, deleted, and written again."""
    store, rng = open_file(), np.random.default_rng(7)
    for _ in range(14):
        chosen = rng.choice(ALL, size=40, replace=False).tolist()
        store.upsert([some_row(rng, number) for number in chosen])
        for scope in SCOPES:
            store.delete(scope, "image", [f"i{n}" for n in rng.choice(ALL, size=12).tolist()])
    return store


def some_row(rng: np.random.Generator, number: int) -> Row:
    scope = SCOPES[number % len(SCOPES)]
    words = rng.choice(WORDS, size=int(rng.integers(0, 9)))
    item = Item(
        id=f"i{number}",
        tenant=scope.tenant,
        collection=scope.collection or "",
        content_hash=f"{number:064x}",
        sources=(f"/{number}.jpg", "/ação 日.jpg")[: 1 + number % 2],
        caption=" ".join(words),
        page=int(rng.integers(5)),
        tags=("snow",) if number % 4 == 0 else (),
        metadata={"album": "Rio", "n": number, "is": True} if number % 3 else {},
    )
    image = unit(rng, 16) if number % 5 else None
    return Row(item, image, unit(rng, 8) * np.float32(1 + number % 3) if len(words) else None)


@contextmanager
def asking_milvus_lite(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(Servicer, "Search", MilvusServicer.Search)
        patched.setattr(EmbeddedChannel, "read", lambda *_: None)
        yield


@contextmanager
def past_milvus_lite(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever Milvus Lite itself is asked to search or read fails."""

    def fail(*_: object) -> None:
        raise AssertionError("Milvus Lite was asked")

    with monkeypatch.context() as patched:
        patched.setattr(MilvusServicer, "Search", fail)
        patched.setattr(MilvusServicer, "Query", fail)
        yield


@pytest.mark.parametrize("where", FILTERS, ids=str)
@pytest.mark.parametrize("leg", ["image", "caption", "bm25"])
@pytest.mark.parametrize("limit", [1, 7, 300])
def test_a_search_finds_the_same(
    changed: MilvusStore, monkeypatch: pytest.MonkeyPatch, leg: Leg, where: Filter | None, limit: int
) -> None:
    rng = np.random.default_rng(1)
    changed.search(OURS, "image", "bm25", "dog", limit=1)  # its index is made by the first who asks
    for scope in (*SCOPES, Scope("us"), Scope("nobody")):
        for _ in range(3):
            query = asked(rng, leg)
            with past_milvus_lite(monkeypatch):
                ours = changed.search(scope, "image", leg, query, limit=limit, where=where)
            with asking_milvus_lite(monkeypatch):
                theirs = changed.search(scope, "image", leg, query, limit=limit, where=where)
            assert_alike(ours, theirs)


def asked(rng: np.random.Generator, leg: Leg) -> Vector | str:
    if leg == "bm25":
        return " ".join(rng.choice([*WORDS, "unheard"], size=int(rng.integers(1, 5))))
    return unit(rng, 16 if leg == "image" else 8)


def assert_alike(ours: Sequence[tuple[str, float]], theirs: Sequence[tuple[str, float]]) -> None:
    """The same scores in the same order; which of equal ones come last may differ."""
    assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=CLOSE)
    least = min((score for _, score in theirs), default=0.0) + CLOSE
    told = {item_id: score for item_id, score in theirs if score > least}
    assert {item_id: score for item_id, score in ours if score > least} == pytest.approx(told, abs=CLOSE)


def test_a_graph_finds_the_same(
    open_file: Open, make_row: MakeRow, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_file()
    store.upsert([make_row(f"r{n}") for n in range(60)])
    store.close()
    store = open_file(flat_limit=20)
    assert store._dense["image"] == "HNSW"
    rng = np.random.default_rng(3)
    store.delete(scope, "image", ["r1", "r2"])
    for where in (None, Where("id", "in", ("r1", "r3", "r5"))):
        query = unit(rng, 16)
        with past_milvus_lite(monkeypatch):
            ours = store.search(scope, "image", "image", query, limit=9, where=where)
        with asking_milvus_lite(monkeypatch):
            theirs = store.search(scope, "image", "image", query, limit=9, where=where)
        assert ours
        assert_alike(ours, theirs)


@pytest.mark.parametrize("scope", [*SCOPES, Scope("us"), Scope("nobody")])
def test_rows_are_read_as_they_are(
    changed: MilvusStore, monkeypatch: pytest.MonkeyPatch, scope: Scope
) -> None:
    ids = [f"i{n}" for n in range(0, ALL, 2)] + ["i4", "nobody's"]
    with past_milvus_lite(monkeypatch):
        ours = changed._by_id(scope, "image", ids, ROW_FIELDS)
    with asking_milvus_lite(monkeypatch):
        theirs = changed._by_id(scope, "image", ids, ROW_FIELDS)
    assert bool(ours) == (scope.tenant != "nobody")
    for one, other in zip(ours, theirs, strict=True):
        for name in ROW_FIELDS:
            assert_same(one[name], other[name])


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype == np.float32
        assert one.tolist() == other.tolist()
    else:
        assert one == other
        assert type(one) is type(other) or list(one) == list(other)


@pytest.mark.parametrize("where", FILTERS, ids=str)
@pytest.mark.parametrize("scope", [*SCOPES, Scope("us"), Scope("nobody")])
def test_what_fits_a_filter_is_listed_and_counted_as_it_is(
    changed: MilvusStore, monkeypatch: pytest.MonkeyPatch, scope: Scope, where: Filter | None
) -> None:
    def told() -> object:
        return (
            changed.scan(scope, "image", where=where, limit=400),
            changed.scan(scope, "image", where=where, after="i2", limit=5),
            list(changed._reads.walk("image", filters.compile_filter(scope, where), ["page"], page=7)),
            changed.count(scope, "image", where),
            changed.collections(scope.tenant),
            changed.made_of([f"{number:064x}" for number in range(50)]),
        )

    with past_milvus_lite(monkeypatch):
        ours = told()
    with asking_milvus_lite(monkeypatch):
        theirs = told()
    assert ours == theirs


def test_what_is_not_flushed_yet_is_found_too(
    open_file: Open, make_row: MakeRow, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, row = open_file(), make_row("a", caption="a cat")
    store.upsert([row])
    monkeypatch.setattr(MilvusClient, "flush", lambda *_, **__: None)
    store.upsert([make_row("b", caption="a dog"), replace(row, item=replace(row.item, caption="a dog"))])
    assert {item_id for item_id, _ in store.search(scope, "image", "bm25", "dog", limit=9)} == {"a", "b"}
    assert store.search(scope, "image", "bm25", "cat", limit=9) == []
    assert len(store.search(scope, "image", "image", np.ones(16, np.float32), limit=9)) == 2
    assert {item.caption for item in store.get(scope, "image", ["a", "b"])} == {"a dog"}


def test_what_is_read_may_be_changed_and_nothing_else_with_it(open_file: Open, make_row: MakeRow) -> None:
    store, row = open_file(), make_row("a")
    store.upsert([row])
    scope = Scope(row.item.tenant)
    (first,) = store._by_id(scope, "image", ["a"], ROW_FIELDS)
    first["image_vector"][:] = 7
    first["sources"].append("b.jpg")
    first["metadata"]["new"] = 1
    (second,) = store._by_id(scope, "image", ["a"], ROW_FIELDS)
    assert row.image_vector is not None
    assert second["image_vector"].tolist() == row.image_vector.tolist()
    assert (second["sources"], second["metadata"]) == (["a.jpg"], {})


def test_a_collection_that_was_released_is_loaded_again(
    open_file: Open, make_row: MakeRow, scope: Scope
) -> None:
    store = open_file()
    store.upsert([make_row("a")])
    # Milvus Lite writes its indexes aside, in place: what is loaded meanwhile is half a file.
    store._connection.past_milvus("images", lambda collection, _: collection._wait_for_bg())
    for read in (
        lambda: store.get(scope, "image", ["a"]),
        lambda: store.count(scope, "image"),
        lambda: store.scan(scope, "image"),
        lambda: store.search(scope, "image", "image", np.ones(16, np.float32), limit=1),
    ):
        store._connection.client.release_collection("images")
        assert read()


def test_where_something_breaks_milvus_lite_answers_and_it_is_logged(
    open_file: Open,
    make_row: MakeRow,
    scope: Scope,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    store = open_file()
    store.upsert([make_row("a")])
    monkeypatch.setattr(state, "evaluate_segment_filter", fail)
    for read in (
        lambda: store.count(scope, "image"),
        lambda: store.scan(scope, "image"),
        lambda: store.search(scope, "image", "image", np.ones(16, np.float32), limit=1),
    ):
        caplog.clear()
        assert read()
        assert "by nothing" in caplog.text


def test_a_file_that_is_opened_anew_takes_nothing_out_of_sight(
    open_file: Open, make_row: MakeRow, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_file()
    upsert, log = MilvusClient.upsert, milvus_lite.engine.collection.WAL
    opener, taken_away = ThreadPoolExecutor(1), threading.Event()
    opened: list[Future[MilvusStore]] = []

    def made_slowly(*args: Any, **options: Any) -> Any:
        """What a flush does between taking the rows out of sight and showing them again."""
        taken_away.set()
        time.sleep(0.3)
        return log(*args, **options)

    def upsert_while_another_opens(*args: Any, **options: Any) -> Any:
        answer = upsert(*args, **options)
        opened.append(opener.submit(open_file))
        taken_away.wait(0.5)
        return answer

    with monkeypatch.context() as patched, opener:
        patched.setattr(MilvusClient, "upsert", upsert_while_another_opens)
        patched.setattr(milvus_lite.engine.collection, "WAL", made_slowly)
        store.upsert([make_row("a")])
        assert store.get(scope, "image", ["a"])
    assert opened[0].result().get(scope, "image", ["a"])


def test_words_that_stand_nowhere_are_not_kept(open_file: Open, make_row: MakeRow, scope: Scope) -> None:
    store = open_file()
    store.upsert([make_row("a", caption="a dog")])
    for number in range(20):
        store.search(scope, "image", "bm25", f"dog unheard{number}", limit=1)
    kept = store._connection.past_milvus("images", lambda _, now: [*now._made.values()])
    (words,) = (one for one in kept or () if isinstance(one, state.Words))
    assert len(words._of) == 1


def test_what_a_killed_process_was_writing_slows_down_nobody(
    open_file: Open, make_row: MakeRow, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_file()
    with monkeypatch.context() as patched:
        patched.setattr(MilvusClient, "flush", lambda *_, **__: None)
        store.upsert([make_row("a")])
    again = open_file()
    with past_milvus_lite(monkeypatch):
        assert again.get(scope, "image", ["a"])
        assert again.search(scope, "image", "image", np.ones(16, np.float32), limit=1)


def test_a_milvus_lite_whose_inside_is_not_known_is_asked_itself(
    changed: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert milvus_lite.__version__ in state.KNOWN

    def told() -> object:
        rows = changed.get(OURS, "image", ["i0", "i3"])
        return rows, changed.count(OURS, "image"), changed.search(OURS, "image", "bm25", "dog", limit=5)

    ours = told()
    monkeypatch.setattr(state, "KNOWN", ())
    assert changed._connection.past_milvus("images", lambda *_: True) is None
    assert told() == ours


def test_two_stores_of_one_file_may_both_write(open_file: Open, make_row: MakeRow, scope: Scope) -> None:
    stores = [open_file(), open_file()]

    def write(number: int) -> None:
        stores[number % 2].upsert([make_row(f"r{number}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(24)))
    assert stores[0].count(scope, "image") == 24
