"""Reranking with an Ollama server: each thing that can go wrong ends in the state that it should."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rag.errors import ModelUnavailable
from rag.generation.llamacpp import model_file
from rag.rerankers import ScoringReranker, open_reranker
from rag.rerankers.ollama import SIDE
from rag.rerankers.prompts import qwen3_prompt
from rag.rerankers.scorer import Pair
from rag.rerankers.self_test import COLOURS
from rag.settings import Settings
from rag.types import Pixels
from tests.ollama_server import LlamaCpp, OllamaServer, Script
from tests.rag.rerankers.conftest import RIGHT, found
from tests.rag.rerankers.judge import Judge

QUESTION = "dogs on a beach"
DOGS = found("cats", "dogs run", "boats")
OLD = [one.hit for one in DOGS]


@pytest.fixture(scope="module")
def running() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.gate.set()


@pytest.fixture
def server(running: OllamaServer, judge: Judge) -> OllamaServer:
    running.backend = judge
    running.models = ("judge:latest",)
    running.capabilities = ("completion",)
    running.load_seconds, running.tells_logprobs = 0.0, True
    running.loaded.clear()
    running.requests.clear()
    return running


def open_at(
    url: str, name: str = "ollama:judge", pixels: Pixels | None = None, **given: Any
) -> ScoringReranker:
    settings = Settings(
        reranker=name, ollama_url=url, **{"rerank_seconds": 10, "rerank_load_seconds": 10, **given}
    )
    made = open_reranker(settings, lambda _: pixels)
    assert made is not None
    return made


def asked(server: OllamaServer, path: str = "/api/generate") -> list[dict[str, Any]]:
    return [body for where, body in server.requests if where == path]


def test_what_answers_comes_first_and_a_repeated_question_asks_nothing(server: OllamaServer) -> None:
    reranker = open_at(server.url)
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert state.state == "applied"
    assert [hit.item.caption for hit in hits] == ["dogs run", "cats", "boats"]
    assert hits[0].legs.rerank == pytest.approx(0.95, abs=0.01)
    before = len(asked(server))
    assert reranker.rerank(QUESTION, DOGS) == (hits, state)
    assert len(asked(server)) == before


def test_the_request_is_for_one_token_after_the_models_own_prompt(server: OllamaServer) -> None:
    open_at(server.url).rerank(QUESTION, DOGS)
    (body,) = [body for body in asked(server) if "dogs run" in body["prompt"]]
    assert body["prompt"] == qwen3_prompt(Pair(QUESTION, "Caption: dogs run"))
    assert (body["raw"], body["logprobs"], body["top_logprobs"]) == (True, True, 20)
    assert (body["options"]["num_predict"], body["options"]["temperature"]) == (1, 0)
    assert body["keep_alive"]


def test_no_more_requests_at_a_time_than_allowed(server: OllamaServer, judge: Judge) -> None:
    open_at(server.url, rerank_parallel=2).rerank(QUESTION, DOGS)
    assert judge.most <= 2


def test_a_deadline_in_the_middle_leaves_the_order(server: OllamaServer, judge: Judge) -> None:
    reranker = open_at(server.url, rerank_seconds=2)
    reranker.warm()
    judge.held = "boats"
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "of 3 hits were read within 2 s" in state.reason
    assert list(hits) == OLD


def test_a_server_that_hangs_is_waited_for_once(server: OllamaServer, judge: Judge) -> None:
    reranker = open_at(server.url, rerank_seconds=2)
    reranker.warm()
    judge.held = "Caption"
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert (state.state, list(hits)) == ("degraded", OLD)
    assert "0 of 3" in state.reason
    before = len(server.requests)
    assert reranker.rerank(QUESTION, DOGS) == (hits, state)
    assert len(server.requests) == before


def test_a_cold_load_has_a_deadline_of_its_own(server: OllamaServer) -> None:
    server.load_seconds = 2.5
    reranker = open_at(server.url, rerank_seconds=1)
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert (state.state, list(hits)) == ("degraded", OLD)
    assert "the model is loading" in state.reason
    reranker.warm()
    assert reranker.rerank(QUESTION, DOGS)[1].state == "applied"
    server.loaded.clear()
    server.load_seconds = 5.0
    reranker = open_at(server.url, rerank_seconds=0.1, rerank_load_seconds=0.1)
    with pytest.raises(ModelUnavailable):
        reranker.warm()
    _, state = reranker.rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "OLHAR_RERANK_LOAD_SECONDS" in state.reason


def test_a_model_that_is_not_installed_is_said_with_the_remedy(server: OllamaServer) -> None:
    reranker = open_at(server.url, "ollama:absent")
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "OLHAR_RERANKER=ollama:absent" in state.reason
    assert "`ollama pull absent`" in state.reason
    assert list(hits) == OLD
    with pytest.raises(ModelUnavailable, match="ollama pull"):
        reranker.check()


def test_a_server_that_is_gone_is_said(server: OllamaServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    hits, state = open_at(f"http://127.0.0.1:{port}").rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "cannot be reached" in state.reason
    assert list(hits) == OLD
    with OllamaServer(Judge(), models=("judge:latest",)) as short:
        reranker = open_at(short.url)
        reranker.warm()
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert (state.state, list(hits)) == ("degraded", OLD)
    del server


@pytest.mark.parametrize("ending", ["cut", "missing", "error"])
def test_a_server_that_breaks_off_leaves_the_order(server: OllamaServer, ending: Any) -> None:
    reranker = open_at(server.url)
    reranker.warm()
    server.backend = Script("yes", ending=ending)
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert (state.state, list(hits)) == ("degraded", OLD)
    assert "OLHAR_RERANKER=ollama:judge" in state.reason


@pytest.mark.parametrize(
    "chance", [lambda _: 0.5, lambda pair: 0.05 if pair in RIGHT else 0.95, lambda pair: len(pair.text) / 100]
)
def test_scores_that_mean_nothing_are_refused(server: OllamaServer, judge: Judge, chance: Any) -> None:
    judge.chance = chance
    reranker = open_at(server.url)
    hits, state = reranker.rerank(QUESTION, DOGS)
    assert (state.state, list(hits)) == ("degraded", OLD)
    assert "does not tell known answers apart: in English" in state.reason
    with pytest.raises(ModelUnavailable, match="known answers"):
        reranker.check()


@pytest.mark.parametrize("logprob", [2.0, math.log(0.6)])
def test_log_probabilities_that_are_none_are_said(server: OllamaServer, logprob: float) -> None:
    server.backend = Script(choices=((("yes", logprob), ("no", math.log(0.6))),))
    _, state = open_at(server.url).rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "log-probabilities that are none" in state.reason


def test_a_server_that_tells_no_log_probabilities_is_too_old(server: OllamaServer) -> None:
    server.tells_logprobs = False
    _, state = open_at(server.url).rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "Ollama 0.12.11" in state.reason


def test_a_model_that_answers_something_else_is_refused(server: OllamaServer) -> None:
    server.backend = Script("The document is about dogs.")
    _, state = open_at(server.url).rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "neither yes nor no" in state.reason


def test_an_embedding_model_is_refused_before_it_is_asked(server: OllamaServer) -> None:
    server.capabilities = ("embedding",)
    _, state = open_at(server.url).rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "'completion'" in state.reason
    assert asked(server) == []


def test_a_model_that_sees_is_given_the_picture(server: OllamaServer, judge: Judge) -> None:
    server.capabilities = ("completion", "vision")
    judge.chance = lambda pair: 0.9 if pair in RIGHT or pair.question == QUESTION else 0.1
    blue: Pixels = np.full((300, 900, 3), COLOURS["blue"], np.uint8)
    for name in ("ollama:judge", "ollama-vision:judge"):
        bare = [replace(one, text="") for one in DOGS]
        hits, state = open_at(server.url, name, blue).rerank(QUESTION, bare)
        assert state.state == "applied"
        assert [hit.legs.rerank for hit in hits] == pytest.approx([0.9] * 3, abs=0.02)
    body = asked(server, "/api/chat")[-1]
    system, message = body["messages"]
    assert "yes" in system["content"]
    assert body["think"] is False
    (image,) = message["images"]
    assert len(image) < SIDE * SIDE


def test_a_picture_that_cannot_be_had_keeps_its_place(server: OllamaServer) -> None:
    server.capabilities = ("completion", "vision")
    described = [replace(DOGS[0], text=""), *DOGS[1:]]
    hits, state = open_at(server.url, "ollama-vision:judge").rerank("dogs", described)
    assert state.state == "applied"
    assert [hit.item.caption for hit in hits] == ["cats", "dogs run", "boats"]
    assert hits[0].legs.rerank is None


def test_a_blind_model_is_no_vision_reranker(server: OllamaServer) -> None:
    _, state = open_at(server.url, "ollama-vision:judge").rerank(QUESTION, DOGS)
    assert state.state == "degraded"
    assert "'vision'" in state.reason


def test_check_says_where_it_runs(server: OllamaServer) -> None:
    reranker = open_at(server.url)
    assert reranker.check() == {"device": "not loaded", "model": "judge"}
    reranker.warm()
    assert reranker.check()["device"] == "cpu"


def test_a_real_language_model_that_is_no_reranker_is_refused() -> None:
    """SmolLM2 through llama.cpp: real log-probabilities in the real format."""
    with OllamaServer(LlamaCpp(model_file("smollm2")), models=("smollm2:latest",)) as real:
        reranker = open_at(real.url, "ollama:smollm2", rerank_load_seconds=120)
        hits, state = reranker.rerank(QUESTION, DOGS)
    assert (state.state, list(hits)) == ("degraded", OLD)
    assert "does not tell known answers apart" in state.reason
    assert len(asked(real)) == 1 + 6
