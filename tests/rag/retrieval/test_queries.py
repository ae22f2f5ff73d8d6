"""Queries of several parts: pictures, the like of stored items, what is not wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag.errors import InvalidInput, NotFound
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import Query, Row, Scope, SearchResult
from tests.rag.retrieval.conftest import SCOPE, TOY, ToyEncoder, colour, row

RED, GREEN, BLUE = colour(250, 0, 0), colour(0, 250, 0), colour(0, 0, 250)


def search(store: MilvusStore, query: Query, scope: Scope = SCOPE, candidates: int = 50) -> SearchResult:
    toy = ToyEncoder()
    return Retriever(store, toy, toy, TOY, candidates=candidates).search(scope, query)


def sources(found: SearchResult) -> list[str]:
    return [hit.item.source for hit in found.hits]


def test_words_have_lines_of_relevance_and_pictures_odds_of_their_own(store: MilvusStore) -> None:
    store.upsert([row("red", RED, "a red dog"), row("green", GREEN, "a green cat"), row("blue", BLUE)])
    toy = ToyEncoder()
    bent = replace(TOY, lines=((1.0, 2.0), (0.2, 0.5)))
    for query, lines in (
        (Query("dog"), bent.lines),
        (Query(images=(RED,)), TOY.lines),
        (Query("dog", RED), TOY.lines),
    ):
        straight = search(store, query)
        found = Retriever(store, toy, toy, bent, candidates=50).search(SCOPE, query)
        assert sources(found) == sources(straight)
        for hit, before in zip(found.hits, straight.hits, strict=True):
            told = min(bias + slope * hit.score for bias, slope in lines)
            assert hit.score == pytest.approx(before.score)
            assert hit.relevance == pytest.approx(1 / (1 + np.exp(-told)))


def test_several_pictures_ask_for_what_is_like_all(store: MilvusStore) -> None:
    store.upsert(
        [row("red", RED), row("yellow", colour(250, 250, 0)), row("green", GREEN), row("blue", BLUE)]
    )
    found = search(store, Query(images=(RED, GREEN)))
    assert sources(found)[0] == "yellow"
    assert found.hits[0].legs.image == pytest.approx(0.5**0.5, abs=1e-3)


def test_text_and_picture_find_what_neither_ranks_first(store: MilvusStore) -> None:
    """With room for one candidate a leg, what is somewhat like both is a candidate."""
    both = Row(
        replace(row("both", RED).item, id="both"),
        np.asarray([0.6, 0, 0, 0.8, 0, 0, 0, 0], np.float32),
    )
    dog = replace(row("dog", RED), image_vector=np.asarray([0, 0, 0, 1, 0, 0, 0, 0], np.float32))
    store.upsert([row("red", RED), dog, both])
    assert sources(search(store, Query("dog", RED), candidates=1))[0] == "both"


def test_more_like_this_leaves_itself_out(store: MilvusStore) -> None:
    red, told = row("red", RED), row("told", BLUE, "dog")
    store.upsert(
        [red, told, row("rose", colour(250, 60, 60)), row("sea", colour(0, 60, 250)), row("x", None, "dog")]
    )
    assert sources(search(store, Query(like=(red.item.id,))))[0] == "rose"
    found = search(store, Query(like=(told.item.id,)))
    assert set(sources(found)[:2]) == {"sea", "x"}
    assert "told" not in sources(found)
    assert {hit.item.source: hit.legs.caption for hit in found.hits}["x"] == pytest.approx(1)
    both = sources(search(store, Query("green", like=(red.item.id, told.item.id))))
    assert set(both) == {"rose", "sea", "x"}


def test_the_like_of_an_item_is_sought_in_another_collection_but_of_no_other_tenant(
    store: MilvusStore,
) -> None:
    here, there = row("here", RED), row("there", RED, scope=Scope("tenant", "other"))
    foreign = row("foreign", RED, scope=Scope("stranger", "photos"))
    store.upsert([here, there, foreign])
    assert sources(search(store, Query(like=(there.item.id,)))) == ["here"]
    for item_id in (foreign.item.id, "none"):
        with pytest.raises(NotFound, match=item_id):
            search(store, Query(like=(item_id,)))


def test_an_item_without_vectors_has_no_like(store: MilvusStore) -> None:
    bare = row("bare", None)
    store.upsert([bare])
    with pytest.raises(InvalidInput, match="one of its parts"):
        search(store, Query(like=(bare.item.id,)))


def test_what_is_not_wanted_goes_down_and_says_why(store: MilvusStore) -> None:
    store.upsert([row("red-dog", RED, "dog beach"), row("dog", GREEN, "dog"), row("snow", BLUE, "snow")])
    assert sources(search(store, Query("dog red")))[0] == "red-dog"
    found = search(store, Query("dog red", negative=("beach",)))
    assert sources(found)[0] == "dog"
    chances = {hit.item.source: hit.negative for hit in found.hits}
    assert chances["red-dog"] is not None
    assert chances["dog"] is not None
    assert chances["red-dog"] > chances["dog"]
    assert all(hit.negative is None for hit in search(store, Query("dog")).hits)
    plain, other = (search(store, Query("snow", negative=text)) for text in ((), ("cat",)))
    assert [hit.score for hit in plain.hits] == [hit.score for hit in other.hits]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (Query(negative=("dog",)), "beside it"),
        (Query(images=(RED,) * 11), "11 pictures; the limit is 10"),
        (Query("x", like=("a",) * 11), "limit is 10"),
        (Query("x", negative=("a",) * 6), "limit is 5"),
        (Query("x", negative=("a" * 9000,)), "9000 characters"),
    ],
)
def test_what_asks_for_nothing_or_too_much_is_refused(store: MilvusStore, query: Query, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        search(store, query)


def test_the_like_of_an_item_by_its_picture_or_its_text_alone(store: MilvusStore) -> None:
    told = row("told", BLUE, "dog")
    store.upsert([told, row("sea", colour(0, 60, 250)), row("x", None, "dog"), row("bare", RED)])
    image = search(store, Query(like=(told.item.id,), like_by="image"))
    assert sources(image)[0] == "sea"
    assert "x" not in sources(image)
    text = search(store, Query(like=(told.item.id,), like_by="text"))
    assert sources(text) == ["x"]
    with pytest.raises(InvalidInput, match="no text"):
        search(store, Query(like=(row("bare", RED).item.id,), like_by="text"))


def test_a_sound_needs_an_encoder_that_hears(store: MilvusStore) -> None:
    with pytest.raises(InvalidInput, match="does not hear: choose one that does"):
        search(store, Query(sound=(np.zeros(100, np.int16),)))
