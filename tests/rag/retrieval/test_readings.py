"""Text read in photos: found by its meaning, scored for every photo that has some, and no hit of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.ocr_pass import reading_of
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import Query, Row, SearchResult, Where
from tests.rag.retrieval.conftest import SCOPE, TOY, ToyEncoder, colour, row


def photo(name: str, caption: str, ocr: str) -> list[Row]:
    """The photo, and the passage with its text."""
    made = row(name, colour(0, 0, 250), caption)
    made = replace(made, item=replace(made.item, ocr=ocr))
    return [made, Row(reading_of(made.item), None, ToyEncoder().encode_documents([ocr])[0])]


def search(
    store: MilvusStore, query: Query, where: Where | None = None, candidates: int = 50
) -> SearchResult:
    toy = ToyEncoder()
    return Retriever(store, toy, toy, TOY, candidates=candidates).search(SCOPE, query, where=where)


def sources(found: SearchResult) -> list[str]:
    return [hit.item.source for hit in found.hits]


def test_a_captioned_photo_is_found_by_what_is_written_in_it(store: MilvusStore) -> None:
    """With room for one candidate a leg, it is one; once, as the photo."""
    store.upsert(
        [*photo("sign", "snow", "dog dog"), row("beach", colour(250, 0, 0), "beach"), row("x", None, "cat")]
    )
    found = search(store, Query("dog"), candidates=1)
    assert sources(found)[0] == "sign"
    assert [hit.item.kind for hit in found.hits] == ["image"] * len(found.hits)
    assert found.hits[0].legs.ocr == pytest.approx(1)
    assert found.hits[0].legs.caption == pytest.approx(0)
    assert found.hits[0].relevance > 0.9


def test_what_is_written_in_a_photo_takes_nothing_from_its_caption(store: MilvusStore) -> None:
    store.upsert([*photo("written", "dog", "cat snow"), row("plain", colour(0, 0, 250), "dog")])
    hits = {hit.item.source: hit for hit in search(store, Query("dog")).hits}
    assert hits["written"].score == pytest.approx(hits["plain"].score)
    assert hits["written"].legs.ocr == pytest.approx(0)
    assert hits["plain"].legs.ocr is None


def test_a_photo_found_by_another_leg_is_scored_by_its_text_too(store: MilvusStore) -> None:
    """Its text is no candidate, for others are nearer."""
    near = [line for n in range(4) for line in photo(f"near{n}", "cat", "dog")]
    store.upsert([*near, *photo("far", "dog beach", "dog snow cat red")])
    hits = {hit.item.source: hit for hit in search(store, Query("dog beach"), candidates=2).hits}
    assert hits["far"].legs.ocr == pytest.approx(8**-0.5, abs=1e-5)


def test_the_photo_fulfils_the_filter_whatever_its_text_says(store: MilvusStore) -> None:
    pictured, text = photo("sign", "snow", "dog")
    stale = replace(text, item=replace(text.item, tags=("old",)))
    store.upsert([replace(pictured, item=replace(pictured.item, tags=("new",))), stale])
    assert sources(search(store, Query("dog"), Where("tags", "contains", "new"))) == ["sign"]
    assert sources(search(store, Query("dog"), Where("tags", "contains", "old"))) == []
    assert sources(search(store, Query("dog", like=(pictured.item.id,)))) == []
