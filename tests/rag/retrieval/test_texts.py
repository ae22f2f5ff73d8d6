from __future__ import annotations

import pytest

from rag.retrieval.texts import TextRelevance
from tests.rag.retrieval.conftest import TOY, ToyEncoder


def test_a_text_is_as_relevant_as_a_passage_with_it_would_be() -> None:
    relevance = TextRelevance(ToyEncoder(), TOY)
    same, other, empty = relevance.probabilities("dog", ["dog", "sea", " "])
    assert same == pytest.approx(0.982, abs=1e-3)  # log-odds -3 + 6 × 1 + 1 × 1
    assert other == pytest.approx(0.047, abs=1e-3)
    assert empty == 0


def test_many_texts_have_the_scores_of_few() -> None:
    relevance = TextRelevance(ToyEncoder(), TOY)
    texts = [("dog", "sea", "dog sea")[n % 3] for n in range(150)]
    assert relevance.probabilities("dog", texts) == relevance.probabilities("dog", texts[:3]) * 50
