"""Sounds beside pictures: neither crowds the other out, and each can have its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import AUDIO, Fair, Matrix, Query, Row, SearchOptions, SearchResult, Sound
from tests.rag.retrieval.conftest import SCOPE, TOY, ToyEncoder, colour, row


class Ears(ToyEncoder):
    """Hears nothing but dogs."""

    hears = True
    sees = True

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        return self.encode_text_queries(["dog"] * len(sounds))


def search(
    store: MilvusStore, encoder: ToyEncoder | None = None, *, fair: Fair | None = None
) -> SearchResult:
    """Seven hits, of five candidates a leg."""
    encoder = encoder or Ears()
    retriever = Retriever(store, encoder, encoder, TOY, candidates=5)
    return retriever.search(SCOPE, Query("red"), limit=7, listing=SearchOptions(fair=fair))


def sound(name: str) -> Row:
    """A sound that is far from what all pictures show."""
    made = row(name, colour(1, 250, 0))
    return replace(made, item=replace(made.item, modality=AUDIO))


@pytest.fixture
def mixed(store: MilvusStore) -> MilvusStore:
    store.upsert([row(f"photo {n}", colour(250, n, 0)) for n in range(12)] + [sound("a"), sound("b")])
    return store


def names(found: SearchResult) -> list[str]:
    return [hit.item.source for hit in found.hits]


def test_a_sound_is_found_though_pictures_fill_all_candidates(mixed: MilvusStore) -> None:
    found = names(search(mixed))
    assert set(found[5:]) == {"a", "b"}
    assert not {"a", "b"} & set(names(search(mixed, ToyEncoder())))  # which has no room for them


def test_sounds_have_their_share_of_every_first_hits(mixed: MilvusStore) -> None:
    found = search(mixed, fair=Fair("modality", ((AUDIO, 0.5),)))
    first = [hit.item.modality for hit in found.hits[:4]]
    assert first.count(AUDIO) == 2
    assert np.isfinite([hit.score for hit in found.hits]).all()
