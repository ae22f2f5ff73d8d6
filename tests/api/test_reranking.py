"""Texts in order, as the clients of Cohere and Jina ask for them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rag.errors import ModelUnavailable
from tests.api.conftest import FakeReranker, FakeSystem

BODY: dict[str, Any] = {
    "query": "cat",
    "documents": ["a dog", {"text": "a cat", "title": "x"}, "", "the cat"],
}


@pytest.fixture
def reranker(system: FakeSystem) -> FakeReranker:
    system.reranker = FakeReranker()
    return system.reranker


def order(response: httpx.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [one["index"] for one in response.json()["results"]]


@pytest.mark.usefixtures("reranker")
@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_the_likeliest_come_first_by_their_places(client: httpx.Client, path: str) -> None:
    response = client.post(path, json=BODY)
    assert order(response) == [1, 3, 0, 2]
    body = response.json()
    assert body["model"] == "fake:reranker"
    assert body["results"][0] == {"index": 1, "relevance_score": 0.9}
    assert body["results"][-1]["relevance_score"] == 0
    assert body["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
    assert body["meta"]["api_version"] == {"version": "2"}
    assert body["meta"]["warnings"] == ["documents that the model could not read, with the score 0: 2"]
    assert body["id"]


@pytest.mark.usefixtures("reranker")
def test_as_many_as_are_wanted_with_their_texts(client: httpx.Client) -> None:
    body = {**BODY, "model": "reranker", "top_n": 2, "return_documents": True}
    results = client.post("/v1/rerank", json=body).json()["results"]
    assert [one["document"] for one in results] == [{"text": "a cat"}, {"text": "the cat"}]
    assert order(client.post("/v1/rerank", json={**BODY, "top_n": 99})) == [1, 3, 0, 2]


def test_without_a_reranker_the_text_encoder_orders_and_says_that_it_did(client: httpx.Client) -> None:
    for body in (BODY, {**BODY, "model": "fake"}):
        response = client.post("/v1/rerank", json=body)
        assert order(response) == [1, 3, 0, 2]
        assert response.json()["model"] == "fake"
        assert "no reranker" in response.json()["meta"]["warnings"][0]
        assert "OLHAR_RERANKER" in response.json()["meta"]["warnings"][0]


@pytest.mark.usefixtures("reranker")
def test_the_text_encoder_can_be_asked_for_by_its_name(client: httpx.Client) -> None:
    response = client.post("/v1/rerank", json={**BODY, "model": "fake"})
    assert response.json()["model"] == "fake"
    assert "no reranker" in response.json()["meta"]["warnings"][0]


def test_nobody_gets_another_model_than_was_named(client: httpx.Client) -> None:
    response = client.post("/v1/rerank", json={**BODY, "model": "rerank-v3.5"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    assert "'fake'" in response.json()["error"]["message"]


def test_a_reranker_that_is_away_is_not_replaced(client: httpx.Client, reranker: FakeReranker) -> None:
    reranker.error = ModelUnavailable("it is away")
    response = client.post("/v1/rerank", json=BODY)
    assert (response.status_code, response.json()["error"]["message"]) == (503, "it is away")


@pytest.mark.usefixtures("reranker")
def test_what_can_rerank_is_among_the_models(client: httpx.Client) -> None:
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert names == ["fake", "fake:reranker", "olhar", "olhar/default"]


def test_parameters_of_other_services(client: httpx.Client) -> None:
    silent = {
        "rank_fields": ["text"],
        "truncation": True,
        "max_chunks_per_doc": None,
        "return_documents": None,
    }
    assert len(client.post("/v1/rerank", json={**BODY, **silent}).json()["meta"]["warnings"]) == 1
    told = client.post("/v1/rerank", json={**BODY, "max_tokens_per_doc": 10}).json()["meta"]["warnings"]
    assert told[-1] == "these parameters have no effect: max_tokens_per_doc"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"documents": []}, "documents"),
        ({"documents": ["x"] * 1001}, "documents"),
        ({"documents": [{"image": "x"}]}, "documents"),
        ({"documents": ["x" * 100_001]}, "documents"),
        ({"query": " "}, "query"),
        ({"query": "x" * 10_001}, "query"),
        ({"top_n": 0}, "top_n"),
        ({"rank_fields": ["title"]}, "rank_fields"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    client: httpx.Client, given: dict[str, Any], named: str
) -> None:
    response = client.post("/v1/rerank", json={**BODY, **given})
    assert response.status_code == 400
    assert named in response.json()["error"]["message"]
