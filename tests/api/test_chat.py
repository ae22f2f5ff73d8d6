from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import anyio
import httpx
import openai
import pytest
from openai import OpenAI
from starlette.types import Message

from rag.errors import StoreUnavailable
from rag.relay import Deadlines, within
from rag.types import JSON, GenerationOptions, Scope, Turn
from tests.api.conftest import ANSWER, FakeSystem, Served, png

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
    assert completion.usage.total_tokens == 15
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


CONVERSATION: Any = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "first"},
    {"role": "assistant", "content": "well"},
    {"role": "user", "content": "second"},
]


def test_the_last_user_message_is_the_question_and_the_rest_is_told(chat: OpenAI, system: FakeSystem) -> None:
    chat.chat.completions.create(model="olhar", messages=CONVERSATION)
    assert system.pipeline.calls[0].query.text == "second"
    asked = system.pipeline.calls[0]
    assert asked.history == (Turn("user", "first"), Turn("assistant", "well"))
    assert asked.options.instructions == "be brief"


def test_how_it_is_to_be_written_is_handed_on(chat: OpenAI, system: FakeSystem) -> None:
    schema: dict[str, JSON] = {"type": "object", "properties": {"animal": {"type": "string"}}}
    ask(
        chat,
        temperature=0.2,
        max_tokens=100,
        seed=7,
        stop=["END"],
        n=1,
        stream=False,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert system.pipeline.calls[-1].options == GenerationOptions(0.2, 100, 7, ("END",), schema)
    ask(chat, response_format={"type": "json_object"}, stop="END")
    assert system.pipeline.calls[-1].options == GenerationOptions(stop=("END",), schema={"type": "object"})


def test_parameters_without_effect_are_said(chat: OpenAI) -> None:
    completion = ask(chat, top_p=0.2, logit_bias={"1": 2}, presence_penalty=0, tools=[], user="me")
    assert completion.olhar["warnings"] == ["these parameters have no effect: logit_bias, top_p"]
    assert ask(chat, user="me", response_format={"type": "text"}).olhar["warnings"] == []


def test_a_stream_is_the_plain_answer_in_pieces(chat: OpenAI) -> None:
    plain = ask(chat)
    chunks = list(ask(chat, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].olhar["evidence"] == plain.olhar["evidence"]
    assert [chunk.choices[0].finish_reason for chunk in chunks[-3:-1]] == [None, "stop"]
    assert chunks[-2].olhar == plain.olhar
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_tells_of_tokens_only_when_asked(chat: OpenAI) -> None:
    assert all(chunk.usage is None for chunk in ask(chat, stream=True))


def test_events_end_as_openai_ends_them(client: httpx.Client) -> None:
    body = {"model": "olhar", "stream": True, "messages": [{"role": "user", "content": "what"}]}
    response = client.post("/v1/chat/completions", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.text.endswith("data: [DONE]\n\n")


def test_what_fails_before_the_first_word_has_a_status(chat: OpenAI, system: FakeSystem) -> None:
    system.pipeline.error = StoreUnavailable("no store")
    with pytest.raises(openai.InternalServerError) as caught:
        ask(chat, stream=True)
    assert caught.value.status_code == 503


@pytest.mark.parametrize("error", [StoreUnavailable("the store went"), RuntimeError("a bug")])
def test_what_fails_on_the_way_is_an_event(chat: OpenAI, system: FakeSystem, error: Exception) -> None:
    system.pipeline.between = Mock(side_effect=[None, error])
    stream = ask(chat, stream=True)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert ("store went" if isinstance(error, StoreUnavailable) else "server's log") in str(caught.value)
    assert "a bug" not in str(caught.value)
    assert system.pipeline.ended == 1


@contextmanager
def asking(url: str, stream: bool) -> Iterator[None]:
    """A client that asks, and hangs up at the end of the block without having read anything."""
    body = {"model": "olhar", "stream": stream, "messages": [{"role": "user", "content": "what"}]}
    data = json.dumps(body).encode()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            + f"content-length: {len(data)}\r\n\r\n".encode()
            + data
        )
        yield


def ended(system: FakeSystem) -> bool:
    for _ in range(1000):
        if system.pipeline.ended:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_hangs_up_stops_the_model(url: str, system: FakeSystem, stream: bool) -> None:
    words, asked = 2000, threading.Event()
    system.pipeline.answer = replace(ANSWER, text="word " * words)
    told: list[int] = []

    def between() -> None:
        told.append(1)
        asked.set()
        time.sleep(0.01)

    system.pipeline.between = between
    with asking(url, stream):
        assert asked.wait(10)
    assert ended(system)
    assert len(told) < words


@pytest.mark.parametrize("stream", [True, False])
def test_it_is_stopped_also_while_it_says_nothing(url: str, system: FakeSystem, stream: bool) -> None:
    asked, at_last = threading.Event(), threading.Event()

    def silent() -> Iterator[str]:
        asked.set()
        at_last.wait(60)
        yield "too late"

    system.pipeline.between = lambda: next(within(silent(), Deadlines(60, 60)))
    try:
        with asking(url, stream):
            assert asked.wait(10)
        assert ended(system)
    finally:
        at_last.set()


def test_too_many_questions_at_a_time_are_told_to_wait(
    client: httpx.Client, url: str, system: FakeSystem
) -> None:
    go = threading.Event()
    system.pipeline.wait = lambda: go.wait(20)
    body = {"model": "olhar", "messages": [{"role": "user", "content": "what"}]}

    def post() -> httpx.Response:
        return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30, trust_env=False)

    with ThreadPoolExecutor(3) as others:
        waiting = [others.submit(post) for _ in range(3)]  # two are answered, one waits
        for _ in range(500):
            refused = client.post("/v1/chat/completions", json=body) if all_in(system, waiting) else None
            if refused is not None:
                break
            time.sleep(0.01)
        go.set()
        assert [one.result().status_code for one in waiting] == [200, 200, 200]
    assert refused is not None
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert client.post("/v1/chat/completions", json=body).status_code == 200


def test_an_answer_that_is_not_read_holds_up_no_other_question(served: Served, system: FakeSystem) -> None:
    turns, held = served.app.state.turns, list[int]()
    system.pipeline.wait = lambda: held.append(turns.running)
    request = {"model": "olhar", "stream": True, "messages": [{"role": "user", "content": "what"}]}
    body: list[Message] = [{"type": "http.request", "body": json.dumps(request).encode()}]
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers}
    sent: list[bytes] = []

    async def receive() -> Message:
        if not body:
            await anyio.sleep_forever()
        return body.pop()

    async def send(message: Message) -> None:
        with anyio.fail_after(15):  # nothing is read until the next question could be answered
            while turns.running:
                await anyio.sleep(0.01)
        sent.append(message.get("body", b""))

    anyio.run(served.app, scope | {"query_string": b""}, receive, send)
    assert held == [1]
    assert b"".join(sent).endswith(b"data: [DONE]\n\n")


def all_in(system: FakeSystem, _: object) -> bool:
    """Two are with the pipeline; a moment later the third waits."""
    if len(system.pipeline.calls) < 2:
        return False
    time.sleep(0.3)
    return True


def test_json_without_an_answer_is_a_refusal(chat: OpenAI, system: FakeSystem) -> None:
    system.pipeline.answer = replace(ANSWER, text="not here", abstained=True, evidence=(), citations=())
    form = {"type": "json_object"}
    message = ask(chat, model="olhar/default", response_format=form).choices[0].message
    assert (message.content, message.refusal) == (None, "not here")
    deltas = [c.choices[0].delta for c in ask(chat, response_format=form, stream=True)]
    assert "".join(delta.refusal or "" for delta in deltas) == "not here"
    assert not any(delta.content for delta in deltas)


def test_a_picture_may_be_an_item(chat: OpenAI, system: FakeSystem) -> None:
    ask(chat, [{"type": "image_url", "image_url": {"url": "olhar:" + "a" * 32}}])
    assert system.pipeline.calls[0].query.image is not None
    with pytest.raises(openai.NotFoundError, match="no picture"):
        ask(chat, [{"type": "image_url", "image_url": {"url": "olhar:" + "b" * 32}}])


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/a.png", "http://169.254.169.254/a", "ftp://a/b.png"])
def test_pictures_are_fetched_from_public_addresses_only(chat: OpenAI, address: str) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(chat, [{"type": "image_url", "image_url": {"url": address}}])


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"logprobs": True}, "logprobs"),
        ({"extra_body": {"nonsense": 1}}, "nonsense"),
        ({"content": [{"type": "image_url", "image_url": {"url": "a.png"}}]}, "data URI"),
        ({"content": [{"type": "image_url", "image_url": {"url": URI}}] * 11}, "images"),
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
    names = [model.id for model in chat.models.list()]
    assert names == ["fake", "olhar", "olhar/default"]
    assert [chat.models.retrieve(name).id for name in names] == names
    with pytest.raises(openai.NotFoundError) as caught:
        chat.models.retrieve("olhar/nowhere")
    assert caught.value.code == "model_not_found"
