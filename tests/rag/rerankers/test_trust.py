"""A reranker is used only after it told known answers apart; one that is away is left alone for a while."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from rag.errors import ModelUnavailable
from rag.rerankers.scorer import Model
from rag.rerankers.self_test import known_pairs
from rag.rerankers.trust import FRESH_S, RETRY_S, Trust
from tests.rag.rerankers.conftest import Clock, FakeScorer


def trust(scorer: FakeScorer) -> tuple[Trust, Clock]:
    clock = Clock()
    return Trust(scorer, load_seconds=5, clock=clock), clock


def test_it_is_loaded_and_tried_once_while_that_is_fresh() -> None:
    scorer = FakeScorer()
    trusted, clock = trust(scorer)
    assert trusted.model() == trusted.model() == scorer.model
    assert (scorer.loads, len(scorer.pairs)) == (1, 12)
    clock.now = FRESH_S + 1
    trusted.model()
    assert (scorer.loads, len(scorer.pairs)) == (2, 12)


def test_other_weights_of_the_same_name_are_tried_again() -> None:
    scorer = FakeScorer()
    trusted, clock = trust(scorer)
    trusted.model()
    scorer.model = replace(scorer.model, digest="digest-2")
    scorer.chance = lambda _: 0.5
    clock.now = FRESH_S + 1
    with pytest.raises(ModelUnavailable, match="does not tell known answers apart"):
        trusted.model()


def test_one_that_does_not_know_is_refused_with_the_remedy_and_not_tried_again() -> None:
    scorer = FakeScorer(chance=lambda _: 0.5)
    trusted, clock = trust(scorer)
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match=r"OLHAR_RERANKER=fake:model.*in English.*reranking\.md"):
            trusted.model()
        clock.now += RETRY_S + 1
    assert len(scorer.pairs) == 6  # those of the first language
    with pytest.raises(ModelUnavailable, match="known answers"):
        trusted.look()


def test_one_that_knows_english_only_is_refused_too() -> None:
    english = {one.pair: 0.9 if one.right else 0.1 for one in known_pairs(sees=False)[:6]}
    trusted, _ = trust(FakeScorer(chance=lambda pair: english.get(pair, 0.5)))
    with pytest.raises(ModelUnavailable, match="in Portuguese"):
        trusted.model()


def test_one_that_is_away_is_tried_again_after_a_while() -> None:
    scorer = FakeScorer(error=ModelUnavailable("away"))
    trusted, clock = trust(scorer)
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="away"):
            trusted.model()
    assert scorer.loads == 1
    scorer.error = None
    clock.now = RETRY_S + 1
    assert trusted.model() == scorer.model


def test_one_that_went_away_in_the_middle_is_not_asked_at_once() -> None:
    scorer = FakeScorer()
    trusted, _ = trust(scorer)
    trusted.model()
    trusted.failed(ModelUnavailable("broke off"))
    with pytest.raises(ModelUnavailable, match="broke off"):
        trusted.model()
    assert trusted.look() == scorer.model


def test_a_trial_that_does_not_end_in_time_is_said() -> None:
    trusted, _ = trust(FakeScorer(last=3))
    with pytest.raises(ModelUnavailable, match=r"of 6 pairs.* 3 were.*OLHAR_RERANK_LOAD_SECONDS"):
        trusted.model()


class Slow(FakeScorer):
    """Loading begins, and ends when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.leave = threading.Event(), threading.Event()

    def load(self) -> Model:
        self.entered.set()
        self.leave.wait(10)
        return super().load()


def test_nobody_waits_longer_for_its_loading_than_wanted_not_even_the_first() -> None:
    scorer = Slow()
    trusted, _ = trust(scorer)
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match=r"the model is loading.*OLHAR_RERANK_SECONDS"):
            trusted.model(patience=0.01)
    scorer.leave.set()
    assert trusted.model() == trusted.model(patience=0.01) == scorer.model
    assert scorer.loads == 1


def test_what_went_away_is_noted_while_another_loads_it() -> None:
    scorer = Slow()
    trusted, _ = trust(scorer)
    with pytest.raises(ModelUnavailable):
        trusted.model(patience=0.01)
    scorer.entered.wait(10)
    noting = threading.Thread(target=trusted.failed, args=(ModelUnavailable("broke off"),), daemon=True)
    noting.start()
    noting.join(5)
    assert not noting.is_alive()
    with pytest.raises(ModelUnavailable, match="broke off"):
        trusted.model()
    scorer.leave.set()


def test_whatever_ends_its_loading_is_told_and_the_next_question_loads_again() -> None:
    scorer = FakeScorer()
    trusted, _ = trust(scorer)
    load, scorer.load = scorer.load, None  # type: ignore[method-assign, assignment]  # cannot be called
    with pytest.raises(TypeError):
        trusted.model()
    scorer.load = load  # type: ignore[method-assign]
    assert trusted.model() == scorer.model
