"""Conversations over HTTP: kept where that was asked for, resumed, exported, rated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import httpx
import pytest

from api.conversations import Conversations
from api.errors import Refused
from rag.build import Olhar
from rag.errors import RecordsUnavailable
from rag.pipeline import AWAY, IMAGE_QUESTION
from rag.questions import Question
from rag.records.answers import Recent
from rag.records.threads import Threads
from rag.types import Query, Scope, Turn
from tests.api.conftest import ANSWER, FakeSystem, png, problem


def begun(client: httpx.Client, **body: str) -> str:
    made = client.post("/v1/threads", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_a_thread_keeps_what_is_said_and_tells_it_with_the_next_question(
    client: httpx.Client, system: FakeSystem
) -> None:
    thread = begun(client, title="Cats")
    first = client.post("/v1/ask", json={"text": "Which cat?", "thread": thread}).json()
    client.post("/v1/ask", json={"text": "Where?", "thread": thread})
    assert first["id"] == ANSWER.id
    assert [call.history for call in system.pipeline.calls] == [
        (),
        (Turn("user", "Which cat?"), Turn("assistant", ANSWER.text)),
    ]
    kept = client.get(f"/v1/threads/{thread}").json()
    assert (kept["title"], kept["turns"]) == ("Cats", 4)
    assert [(turn["role"], turn["text"]) for turn in kept["said"]][:2] == [
        ("user", "Which cat?"),
        ("assistant", ANSWER.text),
    ]
    assert kept["said"][1]["cited"] == [ANSWER.citations[0].item_id]


def test_a_chat_is_kept_too_streamed_or_not(client: httpx.Client, system: FakeSystem) -> None:
    thread = begun(client)
    for stream in (False, True):
        messages = [{"role": "user", "content": "old"}, {"role": "user", "content": f"stream {stream}"}]
        body: dict[str, Any] = {"model": "olhar", "messages": messages, "stream": stream, "thread": thread}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    said = client.get(f"/v1/threads/{thread}").json()["said"]
    assert [turn["text"] for turn in said[::2]] == ["stream False", "stream True"]
    assert system.pipeline.calls[1].history == (
        Turn("user", "stream False"),
        Turn("assistant", ANSWER.text),
    )


def test_a_picture_is_kept_as_the_question_it_stands_for_and_an_answer_without_a_model_is_not(
    client: httpx.Client, system: FakeSystem
) -> None:
    thread = begun(client)
    files = {"image": ("a.png", png())}
    assert client.post("/v1/ask", data={"thread": thread}, files=files).status_code == 200
    system.pipeline.answer = replace(ANSWER, text=AWAY)
    client.post("/v1/ask", json={"text": "And now?", "thread": thread})
    said = client.get(f"/v1/threads/{thread}").json()["said"]
    assert [turn["text"] for turn in said] == [IMAGE_QUESTION, ANSWER.text]


def test_without_a_thread_nothing_is_written_down(client: httpx.Client, system: FakeSystem) -> None:
    assert client.post("/v1/ask", json={"text": "Which cat?"}).status_code == 200
    assert "kept" not in vars(system.records)


def test_threads_are_listed_renamed_and_deleted(client: httpx.Client) -> None:
    first, second = begun(client, title="one"), begun(client, title="two", collection="photos")
    page = client.get("/v1/threads", params={"limit": 1}).json()
    rest = client.get("/v1/threads", params={"before": page["next"]}).json()
    assert {page["threads"][0]["id"], rest["threads"][0]["id"]} == {first, second}
    assert rest["next"] is None
    assert client.patch(f"/v1/threads/{first}", json={"title": "uno"}).json()["title"] == "uno"
    assert client.delete(f"/v1/threads/{first}").status_code == 204
    problem(client.get(f"/v1/threads/{first}"), 404)
    problem(client.post("/v1/ask", json={"text": "x", "thread": first}), 404)
    problem(client.patch(f"/v1/threads/{second}", json={"title": ""}), 422)


def test_a_thread_and_a_history_are_too_much(client: httpx.Client) -> None:
    turns = [{"role": "user", "text": "x"}]
    body = {"text": "x", "thread": begun(client), "history": turns}
    assert "leave one" in problem(client.post("/v1/ask", json=body), 422)["detail"]
    problem(client.post("/v1/search", json={"text": "x", "thread": "0" * 32}), 422)


def test_an_answer_is_rated_by_its_id_with_what_it_was(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"text": "Which cat?"}).json()["id"]
    body = {"answer": answer, "rating": "down", "comment": "no cat"}
    assert client.post("/v1/feedback", json=body).status_code == 201
    (given,) = client.get("/v1/feedback").json()["feedback"]
    assert (given["question"], given["text"], given["model"]) == ("Which cat?", ANSWER.text, ANSWER.model)
    assert given["evidence"] == [piece.hit.item.id for piece in ANSWER.evidence]
    assert (given["rating"], given["comment"]) == ("down", "no cat")
    assert client.get("/v1/feedback", params={"rating": "up"}).json()["feedback"] == []
    problem(client.post("/v1/feedback", json=body | {"answer": "0" * 32}), 404)


def test_an_answer_is_given_also_where_its_thread_cannot_take_it(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise RecordsUnavailable("postgresql://somewhere is away")

    thread = begun(client)
    with monkeypatch.context() as broken:
        broken.setattr(Threads, "add", away)
        asked = client.post("/v1/ask", json={"text": "Which cat?", "thread": thread})
    assert asked.json()["answer"] == ANSWER.text
    assert asked.json()["warnings"] == [*ANSWER.warnings, "not added to its thread: the records are away"]
    assert "somewhere" not in asked.text
    rated = {"answer": asked.json()["id"], "rating": "up"}
    assert client.post("/v1/feedback", json=rated).status_code == 201


def test_a_full_thread_is_told_before_anything_is_asked(
    client: httpx.Client, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.records.threads.MOST_TURNS", 2)
    thread = begun(client)
    assert client.post("/v1/ask", json={"text": "Which cat?", "thread": thread}).status_code == 200
    full = client.post("/v1/ask", json={"text": "Where?", "thread": thread})
    assert "begin a new one" in problem(full, 409)["detail"]
    assert len(system.pipeline.calls) == 1


def test_who_may_only_read_asks_but_keeps_no_thread(system: FakeSystem) -> None:
    reading = Conversations(cast(Olhar, system), "default", Recent(), may_write=False)
    question = Question(Scope("default", "default"), Query("x"))
    assert reading.resumed(question) == question
    with pytest.raises(Refused, match="'write'"):
        reading.resumed(replace(question, thread="0" * 32))
