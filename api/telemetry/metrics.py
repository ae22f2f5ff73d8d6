"""What is counted, for Prometheus. Labels have few values: no names of collections, no ids, nothing asked."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from ingest.settled import Settled
from rag.observing import Attributes, End, watch
from rag.types import Answer, SearchResult

STEPS: Final = frozenset({"encode", "search", "fuse", "rerank", "generate", "total"})
METHODS: Final = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"})
OTHER: Final = "other"
QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SLOW: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Bounds of histograms, in seconds."""


class Metrics:
    """Counts since the process began. Looks on at what ``rag.observing`` tells."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = self._counter("http_requests", "Requests answered", "method", "route", "status")
        self.seconds = self._histogram(
            "http_request_seconds", "From the request to the last byte", SLOW, "method", "route"
        )
        self.steps = self._histogram("step_seconds", "Steps of searches and answers", SLOW, "step")
        self.legs = self._histogram("leg_seconds", "Searches of one leg in Milvus", QUICK, "leg", "kind")
        self.searches = self._counter("searches", "Searches done")
        self.answers = self._counter("answers", "Answers given, also those that abstain", "outcome")
        self.reranks = self._counter("reranks", "What became of the reranking", "state")
        self.tokens = self._counter("tokens", "Tokens of the language model", "direction")
        self.files = self._counter("files", "Files whose receipt was given in this process", "status")

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request came to its end; ``route`` is the template, empty when there is none."""
        method, route = method if method in METHODS else OTHER, route or OTHER
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)

    def begun(self, step: str, attributes: Attributes, *, inside: bool) -> End:
        """As ``rag.observing.Watcher``: only searches of a leg have no time in the results."""
        del inside
        if step != "search":
            return _nothing
        started = time.perf_counter()
        timed = self.legs.labels(str(attributes["leg"]), str(attributes["kind"]))
        return lambda _: timed.observe(time.perf_counter() - started)

    def told(self, event: object) -> None:
        """As ``rag.observing.Watcher``."""
        if isinstance(event, SearchResult):
            self.searches.inc()
            self._timed(event)
        elif isinstance(event, Answer):
            self.answers.labels(_outcome(event)).inc()
            self.tokens.labels("in").inc(event.usage.prompt_tokens)
            self.tokens.labels("out").inc(event.usage.completion_tokens)
            self._timed(event)
        elif isinstance(event, Settled):
            for status, count in event.counts.items():
                self.files.labels(status).inc(count)

    def _timed(self, event: SearchResult | Answer) -> None:
        self.reranks.labels(event.rerank.state).inc()
        for step, ms in event.timings_ms.items():
            if step in STEPS:
                self.steps.labels(step).observe(ms / 1e3)

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"olhar_{name}", help_, labels, registry=self.registry)

    def _histogram(self, name: str, help_: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"olhar_{name}", help_, labels, registry=self.registry, buckets=buckets)


def _nothing(_: BaseException | None) -> None: ...


def _outcome(answer: Answer) -> str:
    if any(warning.startswith("degraded: ") for warning in answer.warnings):
        return "degraded"
    return "abstained" if answer.abstained else "answered"


METRICS: Final = Metrics()
"""Of this process, whatever it serves."""
watch(METRICS)
