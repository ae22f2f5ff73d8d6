from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from rag.types import Scope
from tests.api.conftest import ANSWER, FakeSystem, png

URI = "data:image/png;base64," + base64.b64encode(png()).decode()


@pytest.fixture
def chat(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAI]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as chat:
        yield chat


def ask(chat: OpenAI, content: Any = "what is there?", model: str = "olhar", **parameters: Any) -> Any:
    messages: Any = [{"role": "user", "content": content}]
    return chat.chat.completions.create(model=model, messages=messages, **parameters)


def test_openais_own_client_gets_the_answer_and_its_evidence(chat: OpenAI, system: FakeSystem) -> None:
    completion = ask(chat, model="olhar/default")
    assert completion.choices[0].message.content == "A cat [1]."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "olhar/default"
    assert completion.usage is None  # tokens are not counted
    assert completion.olhar["citations"] == [{"marker": 1, "item_id": "a" * 32, "source": "photos/cat.png"}]
    assert completion.olhar["evidence"][0]["marker"] == 1
    assert completion.olhar["rerank"]["state"] == "skipped"
    (call,) = system.pipeline.calls
    assert call.scope == Scope("default", "default")
    assert call.query.text == "what is there?"


def test_a_picture_can_be_part_of_the_question(chat: OpenAI, system: FakeSystem) -> None:
    ask(
        chat,
        [{"type": "text", "text": "what"}, {"type": "image_url", "image_url": {"url": URI, "detail": "low"}}],
    )
    (call,) = system.pipeline.calls
    assert call.query.text == "what"
    assert call.query.image is not None


def test_the_last_user_message_is_the_question(chat: OpenAI, system: FakeSystem) -> None:
    messages: Any = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "well"},
        {"role": "user", "content": "second"},
    ]
    completion: Any = chat.chat.completions.create(model="olhar", messages=messages)
    assert system.pipeline.calls[0].query.text == "second"
    assert any("last user message" in warning for warning in completion.olhar["warnings"])


def test_parameters_without_effect_are_said(chat: OpenAI) -> None:
    completion = ask(chat, temperature=0.2, max_tokens=100, n=1, stream=False, tools=[], user="me")
    assert completion.olhar["warnings"] == ["these parameters have no effect: max_tokens, temperature"]
    assert ask(chat, user="me", response_format={"type": "text"}).olhar["warnings"] == []


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"stream": True}, "stream"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"extra_body": {"nonsense": 1}}, "nonsense"),
        ({"content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}, "data URI"),
        ({"content": [{"type": "image_url", "image_url": {"url": URI}}] * 2}, "one"),
        ({"content": [{"type": "input_audio"}]}, "messages"),
        ({"content": "  "}, "nothing to look for"),
        ({"content": "a\0b"}, "NUL"),
        ({"content": "x" * 10_001}, "messages.text"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    chat: OpenAI, system: FakeSystem, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(chat, **parameters)
    assert named in caught.value.message
    assert caught.value.type == "invalid_request_error"
    assert not system.pipeline.calls


@pytest.mark.parametrize("model", ["gpt-4", "olhar/", "olhar/../up", "olhar/nowhere"])
def test_an_unknown_model_is_not_found(chat: OpenAI, system: FakeSystem, model: str) -> None:
    system.pipeline.answer = replace(ANSWER, abstained=True, evidence=(), citations=())
    with pytest.raises(openai.NotFoundError) as caught:
        ask(chat, model=model)
    assert caught.value.code == "model_not_found"


def test_a_collection_without_an_answer_is_no_error(chat: OpenAI, system: FakeSystem) -> None:
    system.pipeline.answer = replace(ANSWER, text="not here", abstained=True, evidence=(), citations=())
    completion = ask(chat, model="olhar/default")
    assert completion.olhar["abstained"] is True
    assert completion.choices[0].message.content == "not here"


def test_no_user_message_is_no_question(client: httpx.Client) -> None:
    for messages in ([], [{"role": "system", "content": "x"}]):
        response = client.post("/v1/chat/completions", json={"model": "olhar", "messages": messages})
        assert response.status_code == 400
        assert "messages" in response.json()["error"]["message"]


def test_collections_are_models(chat: OpenAI) -> None:
    assert [model.id for model in chat.models.list()] == ["olhar", "olhar/default"]
