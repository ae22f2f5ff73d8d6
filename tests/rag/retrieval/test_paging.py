"""Pages make one list, whatever their size and whatever comes in meanwhile; nothing else is a cursor."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.retrieval.paging import Cursor
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import Hit, Query, Scope, SearchOptions, SearchResult, Where
from tests.rag.retrieval.conftest import SCOPE, TOY, ToyEncoder, colour, row

QUERY = Query("red dog")


def retriever(store: MilvusStore, now: float = 1e9) -> Retriever:
    toy = ToyEncoder()
    return Retriever(store, toy, toy, TOY, candidates=12, now=lambda: now)


def fill(store: MilvusStore, count: int, start: int = 0, created_at: int = 0) -> None:
    rng = np.random.default_rng(start)
    rows = [
        row(f"{n:03}", colour(*rng.integers(1, 255, 3)), "dog" * int(rng.integers(2)))
        for n in range(start, start + count)
    ]
    store.upsert([replace(one, item=replace(one.item, created_at=created_at)) for one in rows])


def page(
    store: MilvusStore, limit: int, cursor: str = "", offset: int = 0, diversity: float = 0.0
) -> SearchResult:
    listing = SearchOptions(diversity=diversity, offset=offset, cursor=cursor)
    return retriever(store).search(SCOPE, QUERY, limit=limit, listing=listing)


def test_pages_make_one_list_beyond_the_first_candidates(store: MilvusStore) -> None:
    fill(store, 60)
    whole = page(store, 1000)
    assert len(whole.hits) == 60
    assert [hit.rank for hit in whole.hits] == list(range(1, 61))
    assert whole.next == ""
    found, cursor = list[Hit](), ""
    while not found or cursor:
        some = page(store, 7, cursor)
        found, cursor = [*found, *some.hits], some.next
    assert tuple(found) == whole.hits
    assert page(store, 7, offset=20).hits == whole.hits[20:27]


def test_what_comes_in_meanwhile_moves_no_page(store: MilvusStore) -> None:
    fill(store, 40)
    whole, first = page(store, 40), page(store, 10)
    fill(store, 10, start=100)  # with the clock of before: what comes first is not shown again
    fill(store, 30, start=200, created_at=10**9 + 1)
    second = page(store, 30, first.next)
    late = {f"{n:03}" for n in range(100, 110)}
    assert len(second.hits) == 30
    kept = [hit.item for hit in second.hits if hit.item.source not in late]
    assert kept == [hit.item for hit in whole.hits[10:][: len(kept)]]
    shown = [hit.item.id for hit in (*first.hits, *second.hits)]
    assert len(set(shown)) == len(shown)
    assert not [h for h in second.hits if h.item.created_at > 10**9]


def test_a_page_goes_on_where_its_last_hit_was_deleted(store: MilvusStore) -> None:
    fill(store, 30)
    whole, first = page(store, 30), page(store, 10)
    store.delete(SCOPE, "image", [first.hits[-1].item.id])
    assert [h.item for h in page(store, 20, first.next).hits] == [h.item for h in whole.hits[10:]]
    diverse = page(store, 10, diversity=0.5)
    store.delete(SCOPE, "image", [diverse.hits[-1].item.id])
    assert len(page(store, 20, diverse.next, diversity=0.5).hits) == 19


def test_a_cursor_belongs_to_its_query(store: MilvusStore) -> None:
    fill(store, 20)
    cursor = page(store, 5).next
    searching = retriever(store)
    listing = SearchOptions(cursor=cursor)
    for scope, query, where, options in (
        (Scope("tenant"), QUERY, None, listing),
        (SCOPE, Query("red"), None, listing),
        (SCOPE, Query("red dog", colour(1, 2, 3)), None, listing),
        (SCOPE, Query("red dog", negative=("cat",)), None, listing),
        (SCOPE, QUERY, Where("page", "eq", 0), listing),
        (SCOPE, QUERY, None, replace(listing, group="none")),
        (SCOPE, QUERY, None, replace(listing, diversity=0.5)),
    ):
        with pytest.raises(InvalidInput, match="another query"):
            searching.search(scope, query, where=where, listing=options)


def forged(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "é", "====", forged(), forged("d", 1, 0, 1.0, "id"), forged("d", 0, 0, 1.0, "id", 1),
        forged("d", 1001, 0, 1.0, "id", 1), forged("d", 1, 0, float("nan"), "id", 1),
        forged("d", "1", 0, 1.0, "id", 1), base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)  # fmt: skip
def test_what_no_search_gave_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="none that a search gave"):
        Cursor.read(cursor, "d")
    assert Cursor.read(forged("d", 1, 0, 1.0, "id", 1), "d").item_id == "id"


@pytest.mark.parametrize(
    ("limit", "listing"),
    [
        (10, SearchOptions(offset=991)),
        (10, SearchOptions(offset=-1)),
        (1001, SearchOptions()),
        (0, SearchOptions()),
        (1, SearchOptions(diversity=1.5)),
        (1, SearchOptions(diversity=float("nan"))),
        (1, SearchOptions(offset=1, cursor="x")),
    ],
)
def test_a_page_too_deep_or_none_is_refused(store: MilvusStore, limit: int, listing: SearchOptions) -> None:
    with pytest.raises(InvalidInput):
        retriever(store).search(SCOPE, QUERY, limit=limit, listing=listing)
