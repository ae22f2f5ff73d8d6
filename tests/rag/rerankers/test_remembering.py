from __future__ import annotations

from rag.rerankers.remembering import Scores
from rag.rerankers.scorer import Pair

A, B, C = (Pair("q", text) for text in "abc")


def test_a_score_is_that_of_the_model_the_question_and_the_text() -> None:
    scores = Scores()
    scores.put("one", A, 0.7)
    assert scores.get("one", A) == 0.7
    assert scores.get("two", A) is None
    assert scores.get("one", B) is None
    assert scores.get("one", Pair("other", "a")) is None
    assert scores.get("one", Pair("q", "a", "picture")) is None


def test_the_one_used_longest_ago_makes_room() -> None:
    scores = Scores(capacity=2)
    scores.put("m", A, 0.1)
    scores.put("m", B, 0.2)
    scores.get("m", A)
    scores.put("m", C, 0.3)
    assert [scores.get("m", pair) for pair in (A, B, C)] == [0.1, None, 0.3]
