"""What becomes of hits: a new order, or the old one with the reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from rag.errors import ModelUnavailable
from rag.rerankers.reranker import ScoringReranker
from rag.rerankers.scorer import Pair
from rag.retrieval.fusion import probability
from tests.rag.rerankers.conftest import FakeScorer, found, passages


class Held(FakeScorer):
    """Reads one question's hits at a time; the others get none, as when their seconds pass."""

    def __init__(self) -> None:
        super().__init__()
        self.turn, self.entered, self.free = threading.Lock(), threading.Event(), threading.Event()
        self.free.set()

    def score(self, pairs: Sequence[Pair], seconds: float) -> Iterator[tuple[int, float | None]]:
        if not self.turn.acquire(blocking=False):
            return
        try:
            self.entered.set()
            self.free.wait(10)
            yield from super().score(pairs, seconds)
        finally:
            self.turn.release()


DOGS = found("cats", "dogs run", "boats")


def reranker(scorer: FakeScorer) -> ScoringReranker:
    made = ScoringReranker(scorer, seconds=1, load_seconds=5)
    made.warm()
    scorer.pairs.clear()
    return made


class Slow(FakeScorer):
    """Never says anything of texts with this word in them."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def score(self, pairs: Sequence[Pair], seconds: float) -> Iterator[tuple[int, float | None]]:
        for place, score in super().score(pairs, seconds):
            if self._word not in pairs[place].text:
                yield place, score


def test_what_answers_comes_first_and_shows_its_probability() -> None:
    hits, state = reranker(FakeScorer()).rerank("dogs on a beach", DOGS)
    assert (state.state, state.reason) == ("applied", "3 hits were read")
    assert [hit.item.caption for hit in hits] == ["dogs run", "cats", "boats"]
    assert [hit.legs.rerank for hit in hits] == [0.95, 0.02, 0.02]
    assert hits[0].legs.image == 0.2
    assert hits[0].relevance > 0.8 > 0.3 > hits[1].relevance


def test_the_same_question_again_asks_nothing() -> None:
    scorer = FakeScorer()
    made = reranker(scorer)
    first = made.rerank("dogs on a beach", DOGS)
    asked = len(scorer.pairs)
    assert made.rerank("dogs on a beach", DOGS) == first
    assert len(scorer.pairs) == asked == 3
    made.rerank("dogs on a beach", [*DOGS, *found("birds")])
    assert scorer.pairs[3:] == [Pair("dogs on a beach", "Caption: birds")]


def test_a_deadline_leaves_the_order_and_keeps_what_came() -> None:
    scorer = FakeScorer()
    made = reranker(scorer)
    scorer.last = 2
    hits, state = made.rerank("dogs on a beach", DOGS)
    assert state.state == "degraded"
    assert "2 of 3 hits" in state.reason
    assert "OLHAR_RERANK_SECONDS" in state.reason
    assert list(hits) == [one.hit for one in DOGS]
    hits, state = made.rerank("dogs on a beach", DOGS)
    assert state.state == "applied"
    assert len(scorer.pairs) == 3 + 1


def test_texts_that_are_no_hits_are_read_too() -> None:
    scorer = FakeScorer()
    made = reranker(scorer)
    texts = ["birds", "two dogs", "", "dogs"]
    assert made.probabilities("dogs on a beach", texts) == (0.02, 0.95, None, 0.95)
    assert made.probabilities("dogs on a beach", texts) == (0.02, 0.95, None, 0.95)
    assert len(scorer.pairs) == 3
    assert made.probabilities("dogs on a beach", [" "]) == (None,)


def test_too_many_texts_for_the_deadline_are_no_fault_of_the_model() -> None:
    scorer = FakeScorer()
    made = reranker(scorer)
    scorer.last = 2
    with pytest.raises(ModelUnavailable, match=r"2 of 3 texts.*OLHAR_RERANK_SECONDS") as caught:
        made.probabilities("dogs on a beach", ["birds", "dogs", "cats"])
    assert not caught.value.retryable
    assert made.probabilities("dogs on a beach", ["birds", "dogs", "cats"]) == (0.02, 0.95, 0.02)


def test_a_deadline_after_some_puts_the_best_that_were_read_in_order() -> None:
    many = found("cats", "boats", "birds", "cows", "dogs run", "trees", "dogs sleep")
    scorer = FakeScorer()
    made = reranker(scorer)
    scorer.last = 5
    hits, state = made.rerank("dogs on a beach", many)
    assert state.state == "degraded"
    assert "the best 5 were put in order" in state.reason
    assert hits[0].item.caption == "dogs run"
    assert list(hits[5:]) == [one.hit for one in many[5:]]
    assert [hit.rank for hit in hits] == [*range(1, 8)]


def test_what_was_read_and_doubted_does_not_fall_below_what_nobody_read() -> None:
    odds = (-0.4, -0.5, -0.6, -0.7, -0.8, -1.3, -1.5)
    many = found("cats", "boats", "birds", "cows", "dogs run", "trees", "dogs sleep", scores=odds)
    many = [replace(one, hit=replace(one.hit, relevance=probability(one.hit.score))) for one in many]
    scorer = FakeScorer()
    made = reranker(scorer)
    scorer.last = 5
    hits, _ = made.rerank("dogs on a beach", many)
    assert hits[0].item.caption == "dogs run"
    assert [hit.legs.rerank is None for hit in hits] == [False] * 5 + [True] * 2
    assert [(hit.score, hit.relevance) for hit in hits] == [
        (one.hit.score, one.hit.relevance) for one in many
    ]


def test_hits_behind_one_that_was_not_read_in_time_keep_their_places() -> None:
    many = found("cats", "boats", "birds", "cows", "trees", "dogs run")
    scorer = Slow("birds")
    made = reranker(scorer)
    hits, state = made.rerank("dogs on a beach", many)
    assert state.state == "degraded"
    assert "5 of 6 hits" in state.reason
    assert list(hits) == [one.hit for one in many]


def test_a_question_that_only_waited_for_another_turns_reranking_off_for_nobody() -> None:
    scorer = Held()
    made = reranker(scorer)
    scorer.free.clear()
    scorer.entered.clear()
    first = threading.Thread(target=made.rerank, args=("dogs on a beach", DOGS))
    first.start()
    scorer.entered.wait(10)
    hits, state = made.rerank("cats on a roof", DOGS)
    assert (state.state, list(hits)) == ("degraded", [one.hit for one in DOGS])
    assert "0 of 3 hits" in state.reason
    assert "waited for other questions" in state.reason
    scorer.free.set()
    first.join()
    assert made.rerank("cats on a roof", DOGS)[1].state == "applied"


def test_one_that_says_nothing_to_a_question_that_is_alone_is_left_alone_for_a_while() -> None:
    scorer = FakeScorer()
    made = reranker(scorer)
    scorer.last = 0
    state = made.rerank("dogs on a beach", DOGS)[1]
    assert "0 of 3 hits were read within 1 s, so" in state.reason
    scorer.last = None
    assert made.rerank("boats", DOGS)[1] == state


@pytest.mark.parametrize("when", ["before", "in the middle"])
def test_one_that_is_away_leaves_the_order(when: str) -> None:
    scorer = FakeScorer()
    made = reranker(scorer) if when == "in the middle" else ScoringReranker(scorer, seconds=1, load_seconds=5)
    scorer.error = ModelUnavailable("OLHAR_RERANKER is away")
    hits, state = made.rerank("dogs on a beach", DOGS)
    assert (state.state, state.reason) == ("degraded", "OLHAR_RERANKER is away")
    assert list(hits) == [one.hit for one in DOGS]


def test_one_that_does_not_know_is_never_used() -> None:
    made = ScoringReranker(FakeScorer(chance=lambda _: 0.5), seconds=1, load_seconds=5)
    hits, state = made.rerank("dogs on a beach", DOGS)
    assert state.state == "degraded"
    assert "known answers" in state.reason
    assert list(hits) == [one.hit for one in DOGS]
    with pytest.raises(ModelUnavailable, match="known answers"):
        made.warm()


def test_pictures_without_a_word_keep_their_places() -> None:
    bare = found("", "cats", "", "dogs run")
    hits, state = reranker(FakeScorer()).rerank("dogs on a beach", bare)
    assert state.state == "applied"
    assert "2 of 4" in state.reason
    assert [hit.item.caption for hit in hits] == ["", "dogs run", "", "cats"]
    hits, state = reranker(FakeScorer()).rerank("dogs on a beach", found("", ""))
    assert (state.state, [hit.item.id for hit in hits]) == ("skipped", ["item-0", "item-1"])


def test_a_model_that_sees_is_given_pictures_but_not_those_of_passages() -> None:
    scorer = FakeScorer()
    scorer.model = replace(scorer.model, sees=True)
    reranker(scorer).rerank("dogs on a beach", [*found("", "dogs"), *passages(found("x"))])
    assert [(pair.text, pair.image) for pair in scorer.pairs] == [
        ("", "hash-0"), ("Caption: dogs", "hash-1"), ("Caption: x", ""),
    ]  # fmt: skip


def test_a_hit_that_cannot_be_read_after_all_keeps_its_place() -> None:
    scorer = FakeScorer()
    made = reranker(scorer)
    scorer.chance = lambda pair: None if "cats" in pair.text else 0.9 if "boats" in pair.text else 0.1
    hits, state = made.rerank("dogs on a beach", DOGS)
    assert state.state == "applied"
    assert [hit.item.caption for hit in hits] == ["cats", "boats", "dogs run"]


def test_check_tells_without_loading() -> None:
    scorer = FakeScorer()
    made = ScoringReranker(scorer, seconds=1, load_seconds=5)
    assert made.check() == {"device": "cpu", "model": "model"}
    assert scorer.loads == 0
