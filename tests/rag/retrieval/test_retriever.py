"""Retrieval on a real store: every leg finds, every candidate is scored on all legs, tenants never meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.retrieval.retriever import MAX_QUERY_CHARACTERS, Retriever
from rag.store import MilvusStore
from rag.types import Legs, Query, Scope, Where
from tests.rag.retrieval.conftest import SCOPE, TOY, ToyEncoder, colour, row


def retriever(store: MilvusStore, candidates: int = 50) -> Retriever:
    toy = ToyEncoder()
    return Retriever(store, toy, toy, TOY, candidates=candidates)


def sources(found: object) -> list[str]:
    return [hit.item.source for hit in found.hits]  # type: ignore[attr-defined]  # a SearchResult


def test_pixels_captions_and_words_all_find(store: MilvusStore) -> None:
    store.upsert(
        [
            row("by-pixels.jpg", colour(250, 0, 0)),
            row("by-caption.jpg", colour(0, 9, 9), "a red thing"),
            row("by-word.jpg", colour(0, 9, 9), "zanzibar"),
            row("other.jpg", colour(0, 200, 0), "green green"),
        ]
    )
    found = retriever(store).search(SCOPE, Query("red"))
    assert set(sources(found)[:2]) == {"by-pixels.jpg", "by-caption.jpg"}
    found = retriever(store).search(SCOPE, Query("zanzibar"))
    legs = {hit.item.source: hit.legs for hit in found.hits}
    assert legs["by-word.jpg"].bm25 == 1.0


def test_what_one_leg_finds_is_scored_on_all(store: MilvusStore) -> None:
    """With room for one candidate a leg, the best of the other leg still gets its exact score here."""
    store.upsert(
        [row("pixels.jpg", colour(250, 0, 0), "dog"), row("caption.jpg", colour(60, 250, 0), "red dog cat")]
        + [row(f"filler-{n}.jpg", colour(0, 0, 250), "snow") for n in range(20)]
    )
    found = retriever(store, candidates=1).search(SCOPE, Query("red"), limit=2)
    encoder = ToyEncoder()
    query = encoder.encode_text_queries(["red"])[0]
    expected = {
        "pixels.jpg": (encoder.encode_images([colour(250, 0, 0)])[0], encoder.encode_documents(["dog"])[0]),
        "caption.jpg": (
            encoder.encode_images([colour(60, 250, 0)])[0],
            encoder.encode_documents(["red dog cat"])[0],
        ),
    }
    assert set(sources(found)) == set(expected)
    for hit in found.hits:
        image, caption = expected[hit.item.source]
        assert hit.legs.image == pytest.approx(float(image @ query), abs=1e-6)
        assert hit.legs.caption == pytest.approx(float(caption @ query), abs=1e-6)


def test_a_missing_leg_is_null(store: MilvusStore) -> None:
    store.upsert([row("bare.jpg", colour(250, 0, 0)), row("told.jpg", colour(250, 0, 0), "red")])
    legs = {hit.item.source: hit.legs for hit in retriever(store).search(SCOPE, Query("red")).hits}
    assert legs["bare.jpg"].caption is None
    assert legs["bare.jpg"].bm25 is None
    assert legs["told.jpg"].caption == pytest.approx(1)
    picture = retriever(store).search(SCOPE, Query(image=colour(200, 0, 0))).hits
    assert all(hit.legs == Legs(image=hit.legs.image) for hit in picture)


def test_a_picture_finds_its_like(store: MilvusStore) -> None:
    store.upsert([row("red.jpg", colour(250, 0, 0)), row("blue.jpg", colour(0, 0, 250))])
    found = retriever(store).search(SCOPE, Query(image=colour(240, 10, 0)))
    assert sources(found) == ["red.jpg", "blue.jpg"]
    assert found.hits[0].relevance > 0.5 > found.hits[1].relevance


def test_text_and_picture_together_ask_for_both(store: MilvusStore) -> None:
    store.upsert(
        [
            row("red-dog.jpg", colour(250, 0, 0), "dog"),
            row("red-cat.jpg", colour(250, 0, 0), "cat"),
            row("blue-dog.jpg", colour(0, 0, 250), "dog"),
        ]
    )
    found = retriever(store).search(SCOPE, Query("dog", colour(250, 0, 0)))
    assert sources(found)[0] == "red-dog.jpg"


def test_ranks_scores_and_relevance_agree(store: MilvusStore) -> None:
    rng = np.random.default_rng(0)
    store.upsert([row(f"{n}.jpg", colour(*rng.integers(0, 255, 3)), "dog" * (n % 2)) for n in range(30)])
    hits = retriever(store).search(SCOPE, Query("red dog"), limit=30).hits
    assert [hit.rank for hit in hits] == list(range(1, 31))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert [hit.relevance for hit in hits] == sorted((hit.relevance for hit in hits), reverse=True)
    assert all(0 <= hit.relevance <= 1 for hit in hits)


def test_equal_scores_keep_one_order(store: MilvusStore) -> None:
    store.upsert([row(f"{n}.jpg", colour(250, 0, 0)) for n in range(12)])
    first = retriever(store).search(SCOPE, Query("red"), limit=12)
    assert sources(first) == sources(retriever(store).search(SCOPE, Query("red"), limit=12))
    assert sources(retriever(store).search(SCOPE, Query("red"), limit=5)) == sources(first)[:5]


def test_other_tenants_and_collections_are_never_seen(store: MilvusStore) -> None:
    stranger, neighbour = Scope("stranger", "photos"), Scope("tenant", "other")
    for scope in (SCOPE, stranger, neighbour):
        store.upsert(
            [row(f"{scope.tenant}-{scope.collection}.jpg", colour(250, 0, 0), "red zanzibar", scope)]
        )
    for query in (Query("red"), Query("zanzibar"), Query(image=colour(250, 0, 0))):
        assert sources(retriever(store).search(SCOPE, query)) == ["tenant-photos.jpg"]
        everywhere = retriever(store).search(Scope("tenant"), query)
        assert set(sources(everywhere)) == {"tenant-photos.jpg", "tenant-other.jpg"}


def test_a_filter_holds_on_every_leg(store: MilvusStore) -> None:
    store.upsert([row(f"{n}.jpg", colour(250, 0, 0), "red") for n in range(6)])
    where = Where("sources", "contains", "3.jpg")
    for query in (Query("red"), Query(image=colour(250, 0, 0))):
        assert sources(retriever(store).search(SCOPE, query, where=where)) == ["3.jpg"]


@pytest.mark.parametrize("query", [Query(), Query("  \n "), Query("a" * (MAX_QUERY_CHARACTERS + 1))])
def test_an_empty_or_endless_query_is_refused(store: MilvusStore, query: Query) -> None:
    with pytest.raises(InvalidInput):
        retriever(store).search(SCOPE, query)


def test_an_empty_collection_gives_no_hits(store: MilvusStore) -> None:
    assert retriever(store).search(SCOPE, Query("red", colour(1, 2, 3))).hits == ()


def test_passages_and_pictures_are_ranked_together(store: MilvusStore) -> None:
    passage = row("passage", None, "red dog")
    passage = replace(passage, item=replace(passage.item, kind="passage", text="red dog"))
    store.upsert([passage, row("red.jpg", colour(250, 0, 0)), row("blue.jpg", colour(0, 0, 250), "snow")])
    found = retriever(store).search(SCOPE, Query("red dog"))
    assert [hit.item.kind for hit in found.hits if hit.item.source == "passage"] == ["passage"]
    assert sources(found)[0] == "passage"
    assert "passage" not in sources(retriever(store).search(SCOPE, Query(image=colour(250, 0, 0))))
    rows = retriever(store).rows(SCOPE, found.hits)
    assert [row.item.id for row in rows] == [hit.item.id for hit in found.hits]


def test_a_figure_of_a_document_is_ranked_by_its_words(store: MilvusStore) -> None:
    """Its pixels say “red”, as any photo's may; its words say otherwise."""
    photo, figure = row("photo.jpg", colour(250, 0, 0), "dog"), row("figure", colour(250, 0, 0), "dog")
    figure = replace(figure, item=replace(figure.item, parent_id="document"))
    store.upsert([photo, figure])
    assert sources(retriever(store).search(SCOPE, Query("red"))) == ["photo.jpg", "figure"]
    hits = {hit.item.source: hit for hit in retriever(store).search(SCOPE, Query("dog")).hits}
    assert hits["figure"].score == pytest.approx(-3 + 6 + 1, abs=1e-4)
    assert hits["figure"].legs.image is not None
    assert "figure" in sources(retriever(store).search(SCOPE, Query(image=colour(250, 0, 0))))
    store.upsert([replace(figure, item=replace(figure.item, part="frame-2"))])
    hits = {hit.item.source: hit for hit in retriever(store).search(SCOPE, Query("red")).hits}
    assert hits["figure"].score == hits["photo.jpg"].score  # a later frame is a picture like any other
