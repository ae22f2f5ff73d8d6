"""The test server speaks Ollama's protocol: what Ollama's own client makes of it."""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Iterator

import ollama
import pytest

from rag.generation.llamacpp import model_file
from tests.ollama_server import LlamaCpp, OllamaServer, Script

CHOICES = ((("yes", math.log(0.8)), ("no", math.log(0.2))),)


@pytest.fixture
def client(server: OllamaServer) -> Iterator[ollama.Client]:
    server.backend = Script("It is a cat.")
    server.capabilities = ("completion", "vision")
    with ollama.Client(host=server.url, timeout=30) as connected:
        yield connected


@pytest.fixture(scope="module")
def real() -> Iterator[OllamaServer]:
    """A server with a real model behind it."""
    with OllamaServer(LlamaCpp(model_file("smollm2"))) as running:
        yield running


def test_the_state_of_models(client: ollama.Client, server: OllamaServer) -> None:
    assert [row.model for row in client.list().models] == ["tiny:latest"]
    assert client.show("tiny").capabilities == ["completion", "vision"]
    assert client.ps().models == []
    client.generate("tiny", "Hello")
    (row,) = client.ps().models
    assert (row.model, row.size_vram) == ("tiny:latest", 0)
    with urllib.request.urlopen(f"{server.url}/api/version", timeout=5) as answer:
        assert tuple(map(int, json.load(answer)["version"].split("."))) >= (0, 12, 11)


def test_a_chat_is_streamed_line_by_line(client: ollama.Client) -> None:
    parts = list(client.chat("tiny", [{"role": "user", "content": "What?"}], stream=True))
    assert "".join(part.message.content or "" for part in parts) == "It is a cat."
    assert [part.done for part in parts] == [False] * 4 + [True]
    assert parts[-1].done_reason == "stop"
    assert parts[-1].eval_count == 4
    assert (parts[-1].total_duration or 0) > 0


def test_a_chat_in_one_piece(client: ollama.Client) -> None:
    answer = client.chat("tiny", [{"role": "user", "content": "What?"}])
    assert (answer.message.content, answer.done_reason) == ("It is a cat.", "stop")


def test_no_messages_load_and_unload(client: ollama.Client) -> None:
    assert client.chat("tiny", []).done_reason == "load"
    assert len(client.ps().models) == 1
    assert client.generate("tiny", keep_alive=0).done_reason == "unload"
    assert client.ps().models == []


def test_log_probabilities_of_the_first_token(client: ollama.Client, server: OllamaServer) -> None:
    server.backend = Script(choices=CHOICES)
    answer = client.generate(
        "tiny", "…", raw=True, logprobs=True, top_logprobs=2, options={"num_predict": 1, "temperature": 0}
    )
    assert answer.response == "yes"
    assert answer.context is None
    assert answer.logprobs is not None
    (row,) = answer.logprobs
    assert [(choice.token, choice.logprob) for choice in row.top_logprobs or ()] == list(CHOICES[0])


def test_no_log_probabilities_unless_asked(client: ollama.Client, server: OllamaServer) -> None:
    server.backend = Script(choices=CHOICES)
    assert client.generate("tiny", "…").logprobs is None


@pytest.mark.parametrize(
    ("model", "top", "status", "said"),
    [
        ("absent", 0, 404, "model 'absent' not found"),
        ("tiny", 21, 400, "top_logprobs must be between 0 and 20"),
    ],
)
def test_refusals(client: ollama.Client, model: str, top: int, status: int, said: str) -> None:
    with pytest.raises(ollama.ResponseError, match=said) as refused:
        client.generate(model, "Hello", logprobs=True, top_logprobs=top)
    assert refused.value.status_code == status


def test_an_answer_cut_at_its_length_says_so(client: ollama.Client) -> None:
    answer = client.generate("tiny", "What?", options={"num_predict": 2})
    assert (answer.response, answer.done_reason) == ("It is", "length")


def test_a_real_model_gives_log_probabilities(real: OllamaServer) -> None:
    with ollama.Client(host=real.url, timeout=60) as client:
        answer = client.generate(
            "tiny", "One, two,", raw=True, logprobs=True, top_logprobs=5, options={"num_predict": 1}
        )
    assert answer.logprobs is not None
    (row,) = answer.logprobs
    choices = {choice.token: choice.logprob for choice in row.top_logprobs or ()}
    assert " three" in choices
    assert len(choices) == 5
    assert 0 < sum(map(math.exp, choices.values())) <= 1.001
    assert answer.done_reason == "length"


def test_a_real_model_chats_the_same_in_both_forms(real: OllamaServer) -> None:
    messages = [{"role": "user", "content": "Say hello."}]
    options = {"temperature": 0, "num_predict": 8}
    with ollama.Client(host=real.url, timeout=60) as client:
        whole = client.chat("tiny", messages, options=options)
        parts = list(client.chat("tiny", messages, options=options, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content != ""
    assert parts[-1].eval_count == 8
