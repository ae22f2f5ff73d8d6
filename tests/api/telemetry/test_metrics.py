from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.settled import Settled
from rag.observing import begun, step, tell, watch
from rag.types import RerankState, SearchResult
from tests.api.conftest import ANSWER, FakeReranker, FakeSystem


def read(client: httpx.Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by name and values of the labels, in the order of their names."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_template(client: httpx.Client, system: FakeSystem) -> None:
    before = read(client)
    client.post("/v1/search", json={"text": "x"})
    client.get("/v1/items/" + "f" * 32 + "/original")
    client.get("/nowhere/else")
    client.request("BREW", "/v1/search")
    after = read(client)

    def more(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0)

    assert more("olhar_http_requests_total", "POST", "/v1/search", "200") == 1
    assert more("olhar_http_requests_total", "GET", "/v1/items/{item_id}/original", "404") == 1
    assert more("olhar_http_requests_total", "GET", "other", "404") == 1
    assert more("olhar_http_requests_total", "other", "/v1/search", "405") == 1
    assert more("olhar_http_request_seconds_count", "POST", "/v1/search") == 1
    assert not [key for key in after if "else" in str(key) or "ffff" in str(key) or "BREW" in str(key)]
    del system


def test_results_are_counted_with_their_steps(client: httpx.Client) -> None:
    before = read(client)
    timings = {"encode": 2.0, "search": 10.0, "what nobody knows": 1.0}
    tell(SearchResult((), timings_ms=timings, rerank=RerankState("degraded", "too slow")))
    tell(ANSWER)
    tell(replace(ANSWER, abstained=True))
    tell(replace(ANSWER, warnings=("degraded: OLHAR_LLM: away",)))
    tell(Settled({"indexed": 5, "failed": 1}))
    with step("search", leg="caption", kind="image"):
        pass
    after = read(client)

    def more(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0)

    assert more("olhar_searches_total") == 1
    assert [more("olhar_answers_total", o) for o in ("answered", "abstained", "degraded")] == [1, 1, 1]
    assert (more("olhar_tokens_total", "in"), more("olhar_tokens_total", "out")) == (36, 9)
    assert more("olhar_reranks_total", "degraded") == 1
    assert more("olhar_step_seconds_sum", "search") == pytest.approx(0.01)
    assert more("olhar_leg_seconds_count", "image", "caption") == 1
    assert (more("olhar_files_total", "indexed"), more("olhar_files_total", "failed")) == (5, 1)
    assert ("olhar_step_seconds_count", ("what nobody knows",)) not in after


def test_the_present_is_told(client: httpx.Client, system: FakeSystem) -> None:
    system.reranker = FakeReranker()
    system.reranker.breaker.state = "open"
    now = read(client)
    assert now["olhar_breaker", ("llm", "closed")] == 1
    assert now["olhar_breaker", ("reranker", "open")] == 1
    assert now["olhar_breaker", ("reranker", "closed")] == 0
    assert now["olhar_device", ("cpu", "encoder")] == 1
    assert (now["olhar_jobs_running", ()], now["olhar_files_waiting", ()]) == (1, 7)
    assert (now["olhar_batches", ("queued",)], now["olhar_batches", ("running",)]) == (2, 3)
    assert now["olhar_answers_under_way", ("writing",)] == 0
    assert now["olhar_answers_under_way", ("waiting",)] == 0


def test_with_nobody_looking_on_a_step_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.observing._watchers", ())
    with step("encode") as nothing:
        assert nothing is None
    begun("generate")(None)


def test_who_looks_on_hears_of_failures_and_may_leave() -> None:
    heard: list[object] = []

    class Listener:
        def begun(self, step: str, attributes: object, *, inside: bool) -> object:
            heard.append((step, attributes, inside))
            return heard.append

        def told(self, event: object) -> None:
            heard.append(event)

    leave = watch(Listener())  # type: ignore[arg-type]  # what it gives back is looser
    error = ValueError("no")
    with pytest.raises(ValueError, match="no"), step("encode", n=1):
        raise error
    begun("generate", model="m")(None)
    assert tell("x") == "x"
    leave()
    tell("y")
    assert heard == [("encode", {"n": 1}, True), error, ("generate", {"model": "m"}, False), None, "x"]
