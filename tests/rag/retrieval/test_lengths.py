"""A query whose end is not read is searched for, and said to be cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from rag.pipeline import Pipeline
from rag.questions import PLAIN, Question
from rag.retrieval.lengths import overlong_query
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import Draft, Evidence, Fingerprint, GenerationOptions, Pixels, Query, Turn
from rag.vision.zero_shot import ZeroShot
from tests.rag.retrieval.conftest import SCOPE, TOY, WORDS, ToyEncoder, colour, row


class Short(ToyEncoder):
    """Reads three words."""

    fingerprint = Fingerprint("short", "1", "words", len(WORDS))
    max_tokens = 3

    def overlong_queries(self, texts: Sequence[str]) -> dict[int, int]:
        return {i: len(text.split()) for i, text in enumerate(texts) if len(text.split()) > self.max_tokens}


class Silent:
    """A generator that nobody asks, since nothing is relevant enough."""

    name = "test:silent"
    languages = ()

    def stream(
        self,
        question: str,
        evidence: Sequence[Evidence],
        *,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        pictures: Sequence[Pixels] = (),
    ) -> Iterator[str | Draft]:
        raise NotImplementedError

    def check(self) -> Mapping[str, str]:
        return {}

    def warm(self) -> None: ...

    def close(self) -> None: ...


LONG = "red green blue dog"


@pytest.mark.parametrize(
    ("images", "texts", "settings"),
    [
        (Short(), ToyEncoder(), {"OLHAR_ENCODER"}),
        (ToyEncoder(), Short(), {"OLHAR_TEXT_ENCODER"}),
        (Short(), Short(), {"OLHAR_ENCODER", "OLHAR_TEXT_ENCODER"}),
    ],
)
def test_the_warning_names_the_tokens_the_limit_and_the_remedy(
    images: ToyEncoder, texts: ToyEncoder, settings: set[str]
) -> None:
    (warning,) = overlong_query(LONG, images, texts)
    assert "4 tokens short reads the first 3" in warning
    assert "shorten it" in warning
    assert {word.strip(",;") for word in warning.split() if word.startswith("OLHAR")} == settings
    assert overlong_query("red green blue", images, texts) == ()


def test_search_and_ask_say_it_and_answer_all_the_same(store: MilvusStore) -> None:
    store.upsert([row("red.jpg", colour(250, 0, 0))])
    encoder, generator = Short(), Silent()
    retriever = Retriever(store, encoder, encoder, TOY)
    zero_shot = ZeroShot(encoder, WORDS[:3])
    pipeline = Pipeline(retriever, encoder, zero_shot, generator, relevance=1)
    found = pipeline.search(Question(SCOPE, Query(LONG)))
    assert [hit.item.source for hit in found.hits] == ["red.jpg"]
    for warnings in (found.warnings, pipeline.ask(Question(SCOPE, Query(LONG))).warnings):
        assert any("reads the first 3" in warning for warning in warnings)
    assert pipeline.search(Question(SCOPE, Query("red"))).warnings == ()
    assert pipeline.search(Question(SCOPE, Query(image=colour(9, 9, 9)))).warnings == ()
