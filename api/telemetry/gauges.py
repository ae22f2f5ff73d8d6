"""What is so at the moment at which it is asked, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.telemetry.readiness import Part
from api.turns import Turns
from rag.build import Olhar
from rag.errors import OlharError

STATES = ("closed", "half-open", "open")


class Gauges(Collector):
    """Of one server. ``ready``: how its parts were found when that was asked last."""

    def __init__(self, olhar: Olhar, turns: Turns, searches: Turns, ready: Mapping[str, Part]) -> None:
        self._olhar = olhar
        self._turns = turns
        self._searches = searches
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        """As ``prometheus_client`` wants it."""
        turns = [(("writing",), self._turns.running), (("waiting",), self._turns.waiting)]
        yield _gauge("answers_under_way", "Answers being written, or waiting for it", ("state",), turns)
        searches = [(("running",), self._searches.running), (("waiting",), self._searches.waiting)]
        yield _gauge("searches_under_way", "Searches, or what waits for it", ("state",), searches)
        yield _gauge("part_up", "Whether a part was there when readiness was asked last", ("part",), [
            ((part,), int(found.state == "ok")) for part, found in self._ready.items()
        ])  # fmt: skip
        yield _gauge("breaker", "1 for the state of a model's circuit breaker", ("part", "state"), [
            ((part, state), int(state == now)) for part, now in self._breakers() for state in STATES
        ])  # fmt: skip
        yield _gauge("device", "Where a part runs", ("part", "device"), [
            ((part, device), 1) for part, device in self._devices()
        ])  # fmt: skip
        yield from self._load()

    def _breakers(self) -> Iterator[tuple[str, str]]:
        yield "llm", self._olhar.generator.breaker.state
        if self._olhar.reranker is not None:
            yield "reranker", self._olhar.reranker.breaker.state

    def _devices(self) -> Iterator[tuple[str, str]]:
        yield "encoder", self._olhar.encoder.device
        yield "text_encoder", self._olhar.text_encoder.device

    def _load(self) -> Iterator[Metric]:
        try:
            load = self._olhar.records.load()
        except OlharError:  # the rest is worth telling all the more
            return
        batches = [(("queued",), load.batches_queued), (("running",), load.batches_running)]
        yield _gauge("jobs_running", "Jobs that have not ended", (), [((), load.jobs)])
        yield _gauge("files_waiting", "Files of jobs that wait for a batch", (), [((), load.files_waiting)])
        yield _gauge("batches", "Batches that have not ended", ("state",), batches)


def _gauge(
    name: str, help_: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"olhar_{name}", help_, labels=labels)
    for at, value in values:
        family.add_metric(at, value)
    return family
