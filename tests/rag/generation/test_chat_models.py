from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from rag.errors import BadSettings, ModelUnavailable
from rag.faults import Place
from rag.generation.chat_models import ChatModel, open_chat_model
from rag.generation.prompts import prompt_form
from rag.relay import Deadlines

URL = "http://127.0.0.1:1"


class Faulty(BaseChatModel):
    """A provider's model that says one word, waits and then fails."""

    error: Exception | None = None
    wait: float = 0.0
    told: dict[str, str] | None = None

    @property
    def _llm_type(self) -> str:
        return "faulty"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="word", response_metadata=self.told or {}))
        time.sleep(self.wait)
        if self.error:
            raise self.error


class StatusError(Exception):
    """As providers' clients raise them."""

    def __init__(self, status_code: int) -> None:
        super().__init__("said the provider")
        self.status_code = status_code


def opened(model: BaseChatModel, whole: float = 20) -> ChatModel:
    place = Place("acme:m", "the provider 'acme'", "check the network", "check the name")
    form = prompt_form("acme:m")
    return ChatModel("acme:m", form, model, place, Deadlines(20, whole), dict, lambda: None)


@pytest.mark.parametrize(
    ("error", "said", "retryable"),
    [
        (StatusError(401), "API key", False),
        (StatusError(403), "API key", False),
        (StatusError(404), "check the name", False),
        (StatusError(429), "limit of requests", True),
        (StatusError(502), "failed: said the provider", True),
        (ConnectionRefusedError("no"), "check the network", True),
        (ConnectionResetError("reset"), "check the network", True),
        (KeyError("surprise"), "KeyError: 'surprise'", False),
    ],
)
def test_any_error_of_a_provider_is_translated(error: Exception, said: str, retryable: bool) -> None:
    with pytest.raises(ModelUnavailable, match=said) as caught:
        opened(Faulty(error=error)).complete([HumanMessage("What?")])
    assert str(caught.value).startswith("OLHAR_LLM=acme:m: ")
    assert caught.value.retryable is retryable
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("key", "reason", "finish"),
    [
        ("finish_reason", "length", "length"),
        ("finish_reason", "MAX_TOKENS", "length"),
        ("stop_reason", "max_tokens", "length"),
        ("finish_reason", "STOP", "stop"),
        ("stop_reason", "end_turn", "stop"),
    ],
)
def test_an_answer_that_was_cut_off_is_said_whatever_the_provider_calls_it(
    key: str, reason: str, finish: str
) -> None:
    assert opened(Faulty(told={key: reason})).complete([HumanMessage("What?")])[1].finish == finish


def test_a_provider_without_time_outs_is_bounded() -> None:
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match="OLHAR_LLM_ANSWER_SECONDS"):
        opened(Faulty(wait=3), whole=0.2).complete([HumanMessage("What?")])
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("llm", ["openai", "openai:", ":x", "no_such_provider:model"])
def test_a_value_that_names_no_provider(llm: str) -> None:
    with pytest.raises(BadSettings, match=f"OLHAR_LLM={llm}"):
        open_chat_model(llm, ollama_url=URL, load_seconds=20, answer_seconds=20)


def test_a_provider_whose_package_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_mistralai", None)
    with pytest.raises(ModelUnavailable, match=r"OLHAR_LLM=mistralai:m.*pip install langchain-mistralai"):
        open_chat_model("mistralai:m", ollama_url=URL, load_seconds=20, answer_seconds=20)


@pytest.mark.parametrize("llm", ["llamacpp:smollm2", "llamacpp:/nowhere.gguf", "ollama:qwen3:8b"])
def test_opening_neither_loads_nor_connects(llm: str) -> None:
    chat = open_chat_model(llm, ollama_url=URL, load_seconds=20, answer_seconds=20)
    assert chat.name == llm
    chat.close()


def test_what_is_not_chosen_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from rag.generation.chat_models import open_chat_model as o;"
        "o('llamacpp:smollm2', ollama_url='http://x', load_seconds=1, answer_seconds=1);"
        "print([m for m in ('langchain_ollama', 'langchain', 'openai') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=tmp_path,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "[]"
