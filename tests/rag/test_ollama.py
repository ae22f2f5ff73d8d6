"""The client of Ollama over real HTTP: the state of a model, what it writes, every failure explained."""

from __future__ import annotations

import base64
import math
import socket
from collections.abc import Callable, Iterator

import pytest

from rag.errors import ModelUnavailable
from rag.faults import SettingNames
from rag.generation.llamacpp import model_file
from rag.ollama import Asked, Ollama, Patience, State, Written, place
from tests.ollama_server import LlamaCpp, OllamaServer, Script
from tests.ollama_server.server import VERSION

NAMES = SettingNames("OLHAR_OTHER", "OLHAR_OTHER_LOAD", "OLHAR_OTHER_WHOLE")
SHORT = Patience(load=0.3, first=0.3, whole=0.3)
WORDS = Asked(max_tokens=50)


@pytest.fixture(scope="module")
def _running() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def server(_running: OllamaServer) -> OllamaServer:
    """A scripted server, as if fresh."""
    _running.backend = Script()
    _running.capabilities = ("completion", "vision")
    _running.load_seconds = _running.on_gpu = 0.0
    _running.loaded.clear()
    _running.requests.clear()
    return _running


def opened(url: str, model: str = "tiny", patience: Patience | None = None) -> Ollama:
    return Ollama(model, url, place=place(model, url, NAMES), patience=patience)


def test_the_state_of_a_model_that_is_not_in_memory(server: OllamaServer) -> None:
    assert opened(server.url).state() == State(
        "tiny", VERSION, "0" * 64, frozenset({"completion", "vision"}), device=""
    )
    assert not server.loaded


@pytest.mark.parametrize(("on_gpu", "device"), [(0.0, "cpu"), (0.5, "cpu and gpu"), (1.0, "gpu")])
def test_the_state_says_where_a_loaded_model_runs(server: OllamaServer, on_gpu: float, device: str) -> None:
    server.on_gpu = on_gpu
    asked = opened(server.url)
    asked.load()
    assert asked.state().device == device


def test_a_capability_that_the_model_lacks_is_refused_for_good(server: OllamaServer) -> None:
    asked = opened(server.url)
    assert asked.require("vision", "it has to see").model == "tiny"
    server.capabilities = ("completion",)
    with pytest.raises(ModelUnavailable, match=r"OLHAR_OTHER=ollama:tiny.*'vision'.*it has to see") as caught:
        asked.require("vision", "it has to see")
    assert not caught.value.retryable


def test_a_picture_and_a_question_in_the_models_own_form(server: OllamaServer) -> None:
    written = opened(server.url).chat("What is it?", WORDS, system="Be brief.", images=[b"a picture"])
    assert written == Written("It is a cat. [1]", complete=True)
    path, body = server.requests[-1]
    assert path == "/api/chat"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert base64.b64decode(body["messages"][1]["images"][0]) == b"a picture"
    assert (body["think"], body["options"]["temperature"], body["options"]["num_predict"]) == (False, 0, 50)


def test_a_raw_prompt_is_sent_as_it_is(server: OllamaServer) -> None:
    opened(server.url).generate("<|im_start|>user", Asked(1, stop=("\n",)), raw=True)
    path, body = server.requests[-1]
    assert (path, body["prompt"], body["raw"]) == ("/api/generate", "<|im_start|>user", True)
    assert "think" not in body
    assert body["options"]["stop"] == ["\n"]


def test_the_likeliest_tokens_of_each_position(server: OllamaServer) -> None:
    first = (("yes", math.log(0.7)), ("no", math.log(0.2)))
    server.backend = Script(choices=[first])
    written = opened(server.url).generate("?", Asked(1, top_logprobs=20), raw=True)
    assert written.choices == (first,)
    assert opened(server.url).generate("?", Asked(1), raw=True).choices == ()


def test_an_answer_that_was_cut_off_says_so(server: OllamaServer) -> None:
    assert not opened(server.url).chat("?", Asked(2)).complete


def test_a_cold_load_has_its_own_deadline(server: OllamaServer) -> None:
    server.load_seconds = 0.6
    asked = opened(server.url, patience=Patience(load=20, first=0.3, whole=0.3))
    assert asked.chat("?", WORDS).complete


def test_a_loaded_model_is_not_given_the_time_of_loading(server: OllamaServer) -> None:
    asked = opened(server.url, patience=Patience(load=3600, first=0.2, whole=20))
    asked.load()
    server.backend = Script(first_delay=60)
    with pytest.raises(ModelUnavailable, match="OLHAR_OTHER_LOAD"):
        asked.chat("?", WORDS)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (Script(status=500), "failed: llama runner process has terminated"),
        (Script(status=400, error="invalid options"), "rejected the request: invalid options"),
        (Script(first_delay=60), "OLHAR_OTHER_LOAD"),
        (Script(delay=60), "OLHAR_OTHER_WHOLE"),
        (Script(ending="hang", after=2), "OLHAR_OTHER_WHOLE"),
        (Script(ending="cut", after=2), "broke off"),
        (Script(ending="missing", after=2), "broke off"),
        (Script(ending="error", after=2), "llama runner process has terminated"),
    ],
    ids=lambda value: f"{value.status}-{value.ending}" if isinstance(value, Script) else "",
)
def test_every_failure_names_the_setting(server: OllamaServer, script: Script, said: str) -> None:
    server.backend = script
    with pytest.raises(ModelUnavailable, match=said) as caught:
        opened(server.url, patience=SHORT).chat("?", WORDS)
    assert str(caught.value).startswith("OLHAR_OTHER=ollama:tiny: Ollama at http://127.0.0.1")


@pytest.mark.parametrize(
    "call", [Ollama.state, Ollama.load, lambda ollama: ollama.chat("?", WORDS)], ids=["state", "load", "chat"]
)
def test_a_server_or_model_that_is_not_there(server: OllamaServer, call: Callable[[Ollama], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://olhar:hunter2@127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ModelUnavailable, match=r"olhar:\*\*\*@127.*OLHAR_OLLAMA_URL") as unreachable:
        call(opened(gone))
    with pytest.raises(ModelUnavailable, match="ollama pull llava") as missing:
        call(opened(server.url, "llava"))
    assert (unreachable.value.retryable, missing.value.retryable) == (True, False)
    assert "hunter2" not in str(unreachable.value)


def test_it_answers_again_after_a_restart(server: OllamaServer) -> None:
    asked = opened(server.url)
    server.backend = Script(ending="cut", after=1)
    with pytest.raises(ModelUnavailable):
        asked.chat("?", WORDS)
    server.backend = Script()
    assert asked.chat("?", WORDS).complete
    asked.close()


def test_a_real_model_behind_it() -> None:
    with OllamaServer(LlamaCpp(model_file("smollm2"))) as server:
        written = opened(server.url).generate("The capital of France is", Asked(2, top_logprobs=5), raw=True)
    assert "Paris" in written.text
    assert len(written.choices[0]) == 5
