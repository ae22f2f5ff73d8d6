from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from rag.breaker import Breaker
from rag.build import build
from rag.errors import ModelUnavailable
from rag.guarding import GuardedGenerator, GuardedJudge, GuardedReranker, GuardedRewriter
from rag.questions import PLAIN
from rag.settings import load_settings
from rag.types import Described, Draft, Evidence, GenerationOptions, Hit, Pixels, RerankState, Shown, Turn
from tests.rag.rerankers.conftest import found


class Model:
    """A generator, reranker and rewriter that fails as long as ``error`` is set."""

    name = "test:m"
    languages = ("en",)

    def __init__(self) -> None:
        self.error: ModelUnavailable | None = None
        self.state = RerankState("applied")
        self.pieces: tuple[str | Draft, ...] = ("A cat.", Draft("A cat.", (), shown=Shown(tokens=7)))
        self.asked = 0

    def stream(
        self,
        question: str,
        evidence: Sequence[Evidence],
        *,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        pictures: Sequence[Pixels] = (),
    ) -> Iterator[str | Draft]:
        del question, evidence, options, history, pictures
        self._ask()
        yield from self.pieces

    def rerank(self, question: str, found: Sequence[Described]) -> tuple[tuple[Hit, ...], RerankState]:
        del question
        self.asked += 1
        return tuple(one.hit for one in found), self.state

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float | None, ...]:
        del question
        self._ask()
        return tuple(0.5 for _ in texts)

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        del history
        self._ask()
        return question

    def supports(self, sentence: str, evidence: str) -> bool | None:
        del sentence, evidence
        self._ask()
        return True

    def check(self) -> Mapping[str, str]:
        return {"device": "cpu", "model": "m"}

    def warm(self) -> None: ...

    def close(self) -> None: ...

    def _ask(self) -> None:
        self.asked += 1
        if self.error:
            raise self.error


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def breaker() -> Breaker:
    return Breaker("OLHAR_LLM=test:m", failures=2, seconds=3600)


def ask(guarded: GuardedGenerator) -> str:
    return "".join(piece for piece in guarded.stream("What?", ()) if isinstance(piece, str))


def refused(guarded: GuardedGenerator, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            ask(guarded)


def test_a_model_that_is_away_is_not_asked_any_more(model: Model, breaker: Breaker) -> None:
    guarded = GuardedGenerator(model, breaker)
    assert ask(guarded) == "A cat."
    assert "breaker" not in guarded.check()
    model.error = ModelUnavailable("away")
    refused(guarded, 5)
    assert model.asked == 3
    with pytest.raises(ModelUnavailable, match="asked again in"):
        guarded.check()


def test_a_model_of_which_one_question_is_to_try_says_so(model: Model) -> None:
    guarded = GuardedGenerator(model, Breaker("OLHAR_LLM=test:m", failures=1, seconds=0))
    model.error = ModelUnavailable("away")
    refused(guarded, 1)
    assert guarded.check() == {"device": "cpu", "model": "m", "breaker": "half-open"}


def test_what_is_the_question_s_own_fault_does_not_count(model: Model, breaker: Breaker) -> None:
    model.error = ModelUnavailable("the request was rejected")
    model.error.retryable = False
    refused(GuardedGenerator(model, breaker), 5)
    assert breaker.state == "closed"


def test_a_reader_that_goes_away_says_nothing_of_the_model(model: Model, breaker: Breaker) -> None:
    guarded = GuardedGenerator(model, breaker)
    for _ in range(5):
        pieces = guarded.stream("What?", ())
        next(pieces)
        assert isinstance(pieces, Iterator)
        del pieces
    assert breaker.state == "closed"


def test_the_first_words_of_the_one_that_tries_let_others_through(model: Model) -> None:
    breaker = Breaker("OLHAR_LLM=test:m", failures=1, seconds=0)
    guarded = GuardedGenerator(model, breaker)
    model.error = ModelUnavailable("away")
    refused(guarded, 1)
    model.error, model.pieces = None, ("A ", "cat.", Draft("A cat.", ()))
    first = guarded.stream("What?", ())
    assert next(first) + next(first) == "A cat."  # type: ignore[operator]
    assert ask(guarded) == "A cat."
    assert [*first]
    assert breaker.state == "closed"


def test_an_answer_for_which_no_model_was_asked_does_not_count(model: Model, breaker: Breaker) -> None:
    guarded = GuardedGenerator(model, breaker)
    words = model.pieces
    for _ in range(2):
        model.error = ModelUnavailable("away")
        refused(guarded, 1)
        model.error, model.pieces = None, ("Not here.", Draft("Not here.", (), abstained=True))
        if breaker.state == "closed":
            ask(guarded)
    assert breaker.state == "open"
    breaker = Breaker("OLHAR_LLM=test:m", failures=1, seconds=0)
    guarded = GuardedGenerator(model, breaker)
    model.error = ModelUnavailable("away")
    refused(guarded, 1)
    model.error = None
    assert ask(guarded) == "Not here."
    assert breaker.told == "half-open"
    model.pieces = words
    ask(guarded)
    assert breaker.told == "closed"


def test_the_rewriter_waits_for_the_same_model_and_counts_nothing(model: Model, breaker: Breaker) -> None:
    rewriter = GuardedRewriter(model, breaker)
    model.error = ModelUnavailable("what it wrote is no question")
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            rewriter.rewrite("What?", ())
    assert (model.asked, breaker.state) == (5, "closed")
    refused(GuardedGenerator(model, breaker), 2)
    with pytest.raises(ModelUnavailable, match="asked again"):
        rewriter.rewrite("What?", ())
    assert model.asked == 7


def test_the_judge_waits_for_the_same_model_and_counts_nothing(model: Model, breaker: Breaker) -> None:
    judge = GuardedJudge(model, breaker)
    assert judge.supports("A cat.", "A cat sleeps.")
    model.error = ModelUnavailable("away")
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="away"):
            judge.supports("A cat.", "A cat sleeps.")
    refused(GuardedGenerator(model, breaker), 2)
    with pytest.raises(ModelUnavailable, match="asked again"):
        judge.supports("A cat.", "A cat sleeps.")
    assert model.asked == 6


def test_a_reranker_that_is_too_slow_is_passed_over(model: Model, breaker: Breaker) -> None:
    guarded = GuardedReranker(model, breaker)
    model.state = RerankState("skipped", "nothing is written")
    assert guarded.rerank("What?", ())[1].state == "skipped"
    model.state = RerankState("degraded", "2 of 20 hits were read")
    states = [guarded.rerank("What?", ())[1] for _ in range(4)]
    assert [state.state for state in states] == ["degraded"] * 4
    assert model.asked == 3
    assert "2 of 20" in states[-1].reason
    assert "OLHAR_BREAKER_SECONDS" in states[-1].reason


def test_hits_of_which_some_were_put_in_order_in_time_are_no_failure(model: Model, breaker: Breaker) -> None:
    guarded = GuardedReranker(model, breaker)
    (one,) = found("a cat")
    read = replace(one, hit=replace(one.hit, legs=replace(one.hit.legs, rerank=0.5)))
    model.state = RerankState("degraded", "5 of 20 hits were read")
    for _ in range(5):
        assert guarded.rerank("What?", [read])[1].reason == "5 of 20 hits were read"
    assert breaker.state == "closed"


def test_the_system_is_built_with_breakers_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLHAR_BREAKER_FAILURES", "1")
    settings = load_settings(llm="ollama:m", ollama_url="http://127.0.0.1:1", reranker="ollama:r")
    with build(settings) as olhar:
        assert olhar.reranker is not None
        breaker = olhar.generator.breaker
        breaker.failed(breaker.enter(), "away")
        assert olhar.generator.breaker.state == "open"
        assert olhar.reranker.breaker.state == "closed"
        piece = Evidence(1, found("a cat")[0].hit, "a cat")
        _, warning = olhar.checker.checked("A cat [1].", [piece], "llm")
        assert "asked again" in warning


def test_texts_are_not_read_either_while_the_reranker_is_left_alone() -> None:
    model = Model()
    guarded = GuardedReranker(model, Breaker("m", failures=2, seconds=60))
    assert guarded.probabilities("a", ["b"]) == (0.5,)
    model.error = ModelUnavailable("too many")
    model.error.retryable = False
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="too many"):
            guarded.probabilities("a", ["b"])
    model.error = ModelUnavailable("away")
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            guarded.probabilities("a", ["b"])
    assert model.asked == 6, "it was asked though it is left alone"
