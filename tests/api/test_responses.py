"""OpenAI's responses, by OpenAI's own client against a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from api.errors import AWAY
from rag.errors import Busy, ModelUnavailable, RecordsUnavailable
from rag.types import JSON, Answer, GenerationOptions, Scope, Turn
from tests.api.conftest import ANSWER, FakeSystem, png

URI = "data:image/png;base64," + base64.b64encode(png()).decode()


def broken_by(error: Exception) -> Callable[[], None]:
    """What fails between two pieces of an answer."""

    def broken() -> None:
        raise error

    return broken


@pytest.fixture
def client_of_openai(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAI]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: OpenAI, given: Any = "what is there?", model: str = "olhar", **parameters: Any) -> Any:
    return client.responses.create(model=model, input=given, **parameters)


def test_openais_own_client_gets_the_answer_and_its_evidence(
    client_of_openai: OpenAI, system: FakeSystem
) -> None:
    response = ask(client_of_openai, model="olhar/default", metadata={"for": "me"})
    assert response.output_text == "A cat [1]."
    assert (response.status, response.model, response.metadata) == (
        "completed",
        "olhar/default",
        {"for": "me"},
    )
    assert response.usage.total_tokens == 15
    assert response.olhar["citations"] == [{"marker": 1, "item_id": "a" * 32, "source": "photos/cat.png"}]
    (call,) = system.pipeline.calls
    assert (call.scope, call.query.text) == (Scope("default", "default"), "what is there?")


def test_a_picture_can_be_part_of_the_question(client_of_openai: OpenAI, system: FakeSystem) -> None:
    parts = [
        {"type": "input_text", "text": "what"},
        {"type": "input_image", "image_url": URI, "detail": "low"},
    ]
    ask(client_of_openai, [{"role": "user", "content": parts}])
    (call,) = system.pipeline.calls
    assert call.query.text == "what"
    assert call.query.image is not None


def test_what_a_response_put_out_is_sent_back_as_what_was_said(
    client_of_openai: OpenAI, system: FakeSystem
) -> None:
    first = ask(client_of_openai, "first")
    conversation = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": "first"},
        *(item.model_dump() for item in first.output),
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "second"}]},
    ]
    ask(client_of_openai, conversation, instructions="in verse")
    asked = system.pipeline.calls[-1]
    assert asked.query.text == "second"
    assert asked.history == (Turn("user", "first"), Turn("assistant", "A cat [1]."))
    assert asked.options.instructions == "in verse\nbe brief"


def test_how_it_is_to_be_written_is_handed_on(client_of_openai: OpenAI, system: FakeSystem) -> None:
    schema: dict[str, JSON] = {"type": "object", "properties": {"animal": {"type": "string"}}}
    form = {"type": "json_schema", "name": "x", "schema": schema, "strict": True}
    response = ask(client_of_openai, temperature=0.2, max_output_tokens=100, text={"format": form})
    assert system.pipeline.calls[-1].options == GenerationOptions(0.2, 100, schema=schema)
    assert response.text.format.name == "x"
    ask(client_of_openai, text={"format": {"type": "json_object"}})
    assert system.pipeline.calls[-1].options == GenerationOptions(schema={"type": "object"})


class Animal(BaseModel):
    """What an answer may be asked to be."""

    animal: str


def test_an_answer_of_a_form_of_ones_own(client_of_openai: OpenAI, system: FakeSystem) -> None:
    system.pipeline.answer = replace(ANSWER, text='{"animal": "cat"}')
    parsed = client_of_openai.responses.parse(model="olhar", input="which animal?", text_format=Animal)
    assert parsed.output_parsed == Animal(animal="cat")


def test_a_stream_is_the_plain_response_in_events(client_of_openai: OpenAI) -> None:
    plain = ask(client_of_openai)
    events = list(ask(client_of_openai, stream=True))
    kinds = [event.type for event in events]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * len(deltas),
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert len(deltas) > 1
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(deltas) == plain.output_text == events[-1].response.output_text
    assert events[0].response.olhar["evidence"] == plain.olhar["evidence"]
    assert events[-1].response.olhar == plain.olhar
    assert events[-1].response.usage == plain.usage
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {
        events[-1].response.output[0].id
    }


def test_the_helper_for_streams_understands_the_events(client_of_openai: OpenAI) -> None:
    with client_of_openai.responses.stream(model="olhar", input="what") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == ANSWER.text


NOTHING = replace(ANSWER, text="This is not there.", citations=(), evidence=(), abstained=True)


@pytest.mark.parametrize(
    ("answer", "error", "last"),
    [
        (ANSWER, None, "completed"),
        (replace(ANSWER, finish="length"), None, "incomplete"),
        (NOTHING, None, "completed"),
        (ANSWER, Busy("later"), "failed"),
        (ANSWER, ModelUnavailable("the model is away"), "failed"),
        (ANSWER, RuntimeError("x"), "failed"),
    ],
)
def test_every_event_has_just_the_fields_that_openai_gives_it(
    client: httpx.Client, system: FakeSystem, answer: Answer, error: Exception | None, last: str
) -> None:
    system.pipeline.answer = answer
    if error is not None:
        system.pipeline.between = broken_by(error)
    asked = {
        "model": "olhar", "input": "what", "stream": True, "text": {"format": {"type": "json_object"}}
    }  # fmt: skip
    text = client.post("/v1/responses", json=asked).text
    assert f"event: response.{last}\n" in text
    assert ("response.refusal.delta" in text) == (answer is NOTHING)
    lines = [event.split("\n") for event in text.strip().split("\n\n")]
    known = {event.type: event for event in map(_as_openais, lines)}
    for name, data in lines:
        written = json.loads(data.removeprefix("data: "))
        assert name == f"event: {written['type']}"
        assert written.keys() == type(known[written["type"]]).model_fields.keys(), written["type"]


def _as_openais(lines: list[str]) -> Any:
    """As the type that OpenAI's package has for it, strictly."""
    from openai._models import construct_type
    from openai.types.responses import ResponseStreamEvent

    data = json.loads(lines[1].removeprefix("data: "))
    event: Any = construct_type(type_=ResponseStreamEvent, value=data)
    return type(event).model_validate(data)


def test_an_answer_that_was_cut_off_is_incomplete(client_of_openai: OpenAI, system: FakeSystem) -> None:
    system.pipeline.answer = replace(ANSWER, finish="length")
    response = ask(client_of_openai)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output[0].status == "incomplete"
    *_, last = ask(client_of_openai, stream=True)
    assert last.type == "response.incomplete"


def test_json_that_nothing_was_found_for_is_refused(client_of_openai: OpenAI, system: FakeSystem) -> None:
    nothing = "This is not in this collection."
    system.pipeline.answer = replace(ANSWER, text=nothing, citations=(), evidence=(), abstained=True)
    form: Any = {"format": {"type": "json_object"}}
    assert ask(client_of_openai, text=form).output[0].content[0].refusal == nothing
    events = list(ask(client_of_openai, text=form, stream=True))
    refused = [event.delta for event in events if event.type == "response.refusal.delta"]
    assert "".join(refused) == nothing == events[-1].response.output[0].content[0].refusal
    assert ask(client_of_openai).output_text == nothing


def test_what_fails_before_an_answer_has_a_status(client_of_openai: OpenAI, system: FakeSystem) -> None:
    system.pipeline.error = Busy("later")
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError):
            ask(client_of_openai, stream=stream)
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client_of_openai, model="gpt-5")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ModelUnavailable("it is away"), "server_error", "model_unavailable: it is away"),
        (Busy("later"), "rate_limit_exceeded", "busy: later"),
        (RecordsUnavailable("postgresql://secret"), "server_error", f"records_unavailable: {AWAY}"),
        (RuntimeError("x"), "server_error", "something broke inside; the server's log says what"),
    ],
)
def test_what_fails_within_a_stream_is_its_last_event(
    client_of_openai: OpenAI, system: FakeSystem, error: Exception, code: str, message: str
) -> None:
    system.pipeline.between = broken_by(error)
    *_, last = ask(client_of_openai, stream=True)
    assert last.type == "response.failed"
    assert (last.response.status, last.response.error.code) == ("failed", code)
    assert last.response.error.message == message
    assert system.pipeline.ended == 1


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"previous_response_id": "resp_1"}, "responses are not kept; send the earlier turns in input"),
        ({"conversation": "conv_1"}, "responses are not kept"),
        ({"background": True}, "not supported: background"),
        ({"tools": [{"type": "web_search"}]}, "not supported: tools"),
        ({"include": ["message.output_text.logprobs"]}, "not supported: include"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "schema is missing"),
        ({"given": [{"type": "function_call_output", "output": "x"}]}, "function_call_output"),
        ({"given": [{"content": "x"}]}, "without a role"),
        ({"given": [{"role": "assistant", "content": "x"}]}, 'no message of role "user"'),
        ({"given": []}, "input"),
        ({"given": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input_file"),
        ({"given": [{"role": "user", "content": [{"type": "input_image"}]}]}, "olhar:<item id>"),
        ({"temperature": 9}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(
    client_of_openai: OpenAI, parameters: dict[str, Any], why: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=why):
        ask(client_of_openai, **parameters)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([{"role": "user", "content": {}}], "input[0].content"),
        ([{"role": "user", "content": [{"text": "x"}]}], "input[0].content[0].type"),
        ([{"role": "user", "content": "x"}, {"role": "nobody", "content": "x"}], "input[1].role"),
        (5, "input"),
    ],
)
def test_what_is_invalid_is_named_by_the_path_that_was_sent(
    client: httpx.Client, given: object, param: str
) -> None:
    response = client.post("/v1/responses", json={"model": "olhar", "input": given})
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param)
    assert error["message"].startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("method", "rest"),
    [("GET", "resp_1"), ("DELETE", "resp_1"), ("POST", "resp_1/cancel"), ("POST", "input_tokens")],
)
def test_what_openai_has_below_and_is_not_here_is_refused_in_its_form(
    client: httpx.Client, method: str, rest: str
) -> None:
    response = client.request(method, f"/v1/responses/{rest}")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_parameters_without_effect_are_said(client_of_openai: OpenAI) -> None:
    response = ask(
        client_of_openai,
        top_p=0.2,
        reasoning={"effort": "low"},
        text={"verbosity": "low"},
        store=True,
        truncation="auto",
        tools=[],
        tool_choice="auto",
        user="me",
    )
    assert response.olhar["warnings"] == ["these parameters have no effect: reasoning, top_p, verbosity"]
    assert ask(client_of_openai, store=False).olhar["warnings"] == []


def test_a_thread_and_the_check_of_sentences_can_be_asked_for(
    client_of_openai: OpenAI, system: FakeSystem
) -> None:
    ask(client_of_openai, extra_body={"faithfulness": "words"})
    assert system.pipeline.calls[-1].faithfulness == "words"
    with pytest.raises(openai.NotFoundError):
        ask(client_of_openai, extra_body={"thread": "0" * 32})
