from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from api.app import WAITING
from api.turns import Turns
from rag import __version__
from rag.errors import ModelUnavailable, RecordsUnavailable, StoreUnavailable
from tests.api.conftest import FakeQueue, FakeReranker, FakeSystem


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What slow work waits for; opened at the end in any case."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_everything_is_there(client: httpx.Client) -> None:
    body = client.get("/health").json()
    assert body["status"] == "ok"
    assert body["version"] == __version__
    assert body["parts"]["encoder"] == {"state": "ok", "detail": {"name": "fake", "device": "cpu"}}
    assert body["parts"]["text_encoder"] == body["parts"]["encoder"]
    assert body["parts"]["llm"]["detail"] == {"model": "fake:model", "device": "cpu"}
    assert body["parts"]["store"]["state"] == "ok"
    counts = {"applied": "2", "degraded": "1", "skipped": "0"}
    assert body["parts"]["reranker"] == {"state": "ok", "detail": {"name": "none", **counts}}


def test_the_reranker_is_a_part_with_its_counts(client: httpx.Client, system: FakeSystem) -> None:
    system.reranker = FakeReranker()
    told = client.get("/health").json()["parts"]["reranker"]
    assert told["state"] == "ok"
    assert told["detail"] == {
        "model": "fake", "device": "cpu", "applied": "2", "degraded": "1", "skipped": "0",
    }  # fmt: skip
    system.reranker.error = ModelUnavailable("OLHAR_RERANKER: gone")
    body = client.get("/health").json()
    assert body["status"] == "degraded"
    assert body["parts"]["reranker"] == {"state": "failed", "detail": {"reason": "OLHAR_RERANKER: gone"}}


def test_a_part_that_is_away_is_named_with_the_reason(client: httpx.Client, system: FakeSystem) -> None:
    system.generator.error = ModelUnavailable("Ollama is away")
    body = client.get("/health").json()
    assert body["status"] == "degraded"
    assert body["parts"]["llm"] == {"state": "failed", "detail": {"reason": "Ollama is away"}}
    system.store.error = StoreUnavailable("no Milvus")
    assert client.get("/health").json()["parts"]["store"]["state"] == "failed"


def test_a_part_that_breaks_is_not_the_end_of_health(client: httpx.Client, system: FakeSystem) -> None:
    system.store.error = RuntimeError("secret")
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json()["parts"]["store"]["state"] == "failed"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ModelUnavailable("OLHAR_ENCODER: gone"), "OLHAR_ENCODER: gone"), (RuntimeError("secret"), "it broke")],
)
def test_an_encoder_that_cannot_encode_is_degraded(
    client: httpx.Client, system: FakeSystem, error: Exception, reason: str
) -> None:
    system.encoder.error = error
    body = client.get("/health").json()
    assert body["status"] == "degraded"
    assert body["parts"]["encoder"]["state"] == "failed"
    assert body["parts"]["encoder"]["detail"]["reason"].startswith(reason)


@pytest.mark.parametrize("wrong", [[[np.nan, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
def test_an_encoder_that_gives_no_usable_vectors_is_degraded(
    client: httpx.Client, system: FakeSystem, wrong: list[list[float]]
) -> None:
    system.encoder.pictures = np.array(wrong, np.float32)
    body = client.get("/health").json()
    assert body["status"] == "degraded"
    assert "OLHAR_ENCODER" in body["parts"]["encoder"]["detail"]["reason"]


def test_a_text_encoder_that_cannot_encode_is_degraded_and_the_encoder_is_not(
    client: httpx.Client, system: FakeSystem
) -> None:
    for texts, error, reason in [
        ([[1.0, 0.0]], ModelUnavailable("OLHAR_TEXT_ENCODER: gone"), "OLHAR_TEXT_ENCODER: gone"),
        ([[np.nan, 0.0]], None, "the encoder fake (OLHAR_TEXT_ENCODER) gives vectors"),
    ]:
        system.text_encoder.texts = np.array(texts, np.float32)
        system.text_encoder.error = error
        body = client.get("/health").json()
        assert body["status"] == "degraded"
        assert body["parts"]["encoder"]["state"] == "ok"
        assert body["parts"]["text_encoder"]["state"] == "failed"
        assert body["parts"]["text_encoder"]["detail"]["reason"].startswith(reason)


def test_a_part_that_hangs_is_not_waited_for(
    client: httpx.Client, system: FakeSystem, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.telemetry.readiness.PATIENCE_S", 0.2)
    system.generator.wait = lambda: gate.wait(20)
    for _ in range(4):  # more often than a part has threads
        parts = client.get("/health").json()["parts"]
        assert parts["llm"]["state"] == "failed"
        assert parts["store"]["state"] == "ok"
    gate.set()


def test_a_part_that_hangs_costs_one_thread_however_often_it_is_asked_for(
    client: httpx.Client, system: FakeSystem, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.telemetry.readiness.PATIENCE_S", 0.05)
    monkeypatch.setattr("api.telemetry.readiness.FRESH_S", 0.0)
    looks: list[int] = []

    def hang() -> None:
        looks.append(1)
        gate.wait(20)

    system.generator.wait = hang
    for path in ("/health", "/health/ready") * 4:
        assert client.get(path).json()["parts"]["llm"]["state"] == "failed"
    assert len(looks) == 1
    gate.set()
    for _ in range(500):  # as soon as it has answered it is asked again
        if client.get("/health").json()["parts"]["llm"]["state"] == "ok":
            break
    assert len(looks) > 1


def post_many(pool: ThreadPoolExecutor, times: int, url: str, **body: Any) -> list[Future[httpx.Response]]:
    return [pool.submit(httpx.post, url, timeout=30, trust_env=False, **body) for _ in range(times)]


def test_health_is_quick_while_every_search_is_slow(
    app: FastAPI, client: httpx.Client, url: str, system: FakeSystem, gate: threading.Event
) -> None:
    app.state.searches = Turns(60, 0, "searches are being done", "OLHAR_SEARCHES")  # as many as there are
    system.pipeline.wait = lambda: gate.wait(20)
    with ThreadPoolExecutor(60) as pool:
        slow = post_many(pool, 60, f"{url}/v1/search", json={"text": "x"})
        deadline = time.monotonic() + 15
        while len(system.pipeline.calls) < 40:  # all threads that the server has for requests
            assert time.monotonic() < deadline
            time.sleep(0.01)
        before = time.perf_counter()
        assert client.get("/health").json()["status"] == "ok"
        took = time.perf_counter() - before
        gate.set()
        assert {future.result().status_code for future in slow} == {200}
    assert took < 1.5


@pytest.mark.parametrize(
    ("path", "body", "slow"),
    [
        ("/v2/rerank", {"query": "a", "documents": ["a"]}, "api.routes.reranking._scored"),
        ("/v1/embeddings", {"model": "fake", "input": "a"}, "api.routes.openai_embeddings._encoded"),
        ("/v1/search", {"image": "https://a.example/b.png"}, "api.routes.queries.picture_bytes"),
        (
            "/v1/classify",
            {"labels": ["a", "b"], "image": "HTTPS://a.example/b.png"},
            "api.routes.classifying._named",
        ),
    ],
)
def test_lists_are_there_while_much_is_reranked_encoded_or_fetched(
    client: httpx.Client,
    url: str,
    gate: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: dict[str, Any],
    slow: str,
) -> None:
    begun = threading.Event()

    def hang(*_: object) -> Any:
        begun.set()
        gate.wait(20)
        raise ModelUnavailable("too late")

    monkeypatch.setattr(slow, hang)
    with ThreadPoolExecutor(45) as pool:  # more than there are threads for requests
        many = post_many(pool, 45, url + path, json=body)
        assert begun.wait(15)
        for _ in range(3):
            assert client.get("/v1/collections", timeout=5).status_code == 200
        assert client.post("/v1/search", json={"text": "x"}, timeout=5).status_code == 200
        gate.set()
        assert {one.result().status_code for one in many} == {503}


def test_searches_go_on_during_uploads(
    client: httpx.Client, url: str, fake_queue: FakeQueue, gate: threading.Event
) -> None:
    fake_queue.wait = lambda: gate.wait(20)
    with ThreadPoolExecutor(50) as pool:
        uploads = post_many(
            pool, 50, f"{url}/v1/collections/c/items?wait=true", files={"files": ("a.png", b"x")}
        )
        time.sleep(0.5)
        assert client.post("/v1/search", json={"text": "x"}, timeout=5).status_code == 200
        gate.set()
        assert {future.result().status_code for future in uploads} == {200}
    assert 1 <= fake_queue.most_at_once <= WAITING


def test_it_lives_whatever_is_away(client: httpx.Client, system: FakeSystem) -> None:
    system.store.error = StoreUnavailable("no Milvus")
    system.encoder.error = RuntimeError("broken")
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


def test_ready_names_each_part_with_its_time(client: httpx.Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "ready"
    assert sorted(body["parts"]) == ["encoder", "llm", "records", "reranker", "store", "text_encoder"]
    assert all(part["state"] == "ok" and part["ms"] >= 0 for part in body["parts"].values())


@pytest.mark.parametrize("part", ["store", "records", "encoder", "text_encoder"])
def test_without_a_part_that_is_needed_it_is_unready(
    client: httpx.Client, system: FakeSystem, part: str
) -> None:
    getattr(system, part).error = RecordsUnavailable("secret host")
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "unready")
    assert [name for name, p in response.json()["parts"].items() if p["state"] == "failed"] == [part]
    assert "secret" not in response.text  # it is told whoever asks


def test_without_a_language_model_evidence_is_given_and_so_it_is_only_degraded(
    client: httpx.Client, system: FakeSystem
) -> None:
    system.generator.breaker.state = "open"
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["parts"]["llm"]["state"] == "failed"


def test_a_server_that_ends_is_unready(client: httpx.Client, app: FastAPI) -> None:
    app.state.ending = True
    assert client.get("/health/ready").status_code == 503


def test_probes_however_many_look_once(client: httpx.Client, url: str, system: FakeSystem) -> None:
    with ThreadPoolExecutor(10) as pool:
        asked = [
            pool.submit(httpx.get, f"{url}/health/ready", timeout=30, trust_env=False) for _ in range(20)
        ]
        assert {one.result().status_code for one in asked} == {200}
    system.store.error = StoreUnavailable("gone meanwhile")
    assert client.get("/health/ready").json()["parts"]["store"]["state"] == "ok"
    assert len(system.encoder.batches) == 1


def test_what_was_found_is_told_to_prometheus(client: httpx.Client, system: FakeSystem) -> None:
    assert "olhar_part_up{" not in client.get("/metrics").text
    system.generator.error = ModelUnavailable("away")
    client.get("/health/ready")
    told = client.get("/metrics").text
    assert 'olhar_part_up{part="llm"} 0.0' in told
    assert 'olhar_part_up{part="store"} 1.0' in told
