"""Measure how well an encoder, and the fusion of all legs, find the right items.

Every item is scored for every query on every leg, with no candidates and no index: what is measured is
the encoder and the fusion. The scores are those of ``rag.retrieval``, computed for many queries at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rag.errors import InvalidInput
from rag.evaluation.datasets import BadRow, Dataset
from rag.evaluation.encoding import Encoders, Watch
from rag.evaluation.judging import Comparison, Judged, compare, judge
from rag.evaluation.measures import MEASURES
from rag.evaluation.misses import Miss, described, worst
from rag.evaluation.prepared import Options, Prepared, prepare
from rag.evaluation.protocols import Protocol, fitting
from rag.evaluation.rankings import Block, Collector, Fused, OneLeg, Ranker, Ranking, blocks
from rag.evaluation.scoring import only
from rag.evaluation.stopwatch import Stage, Stopwatch
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Calibration, Leg

DEFAULTS: Final = Options()
More: TypeAlias = Callable[[Prepared, Stopwatch], Sequence[Ranker]]
"""Further rankers, made when the data set is encoded."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over all queries, of each leg alone and of their fusion; each measure is in [0, 1].

    ``fused`` is the first fusion that was asked for. ``rankings`` has the same figures and more, with
    intervals, for all that was ranked, and ``comparisons`` sets all others beside the first fusion.
    ``latency`` alone is another on every run.
    """

    protocol: Protocol
    encoder: str
    photos: int
    queries: int
    legs: Mapping[Leg, Mapping[str, float]]
    fused: Mapping[str, float]
    bad_rows: tuple[BadRow, ...]
    texts: int
    options: Options
    rankings: tuple[Judged, ...]
    comparisons: tuple[Comparison, ...]
    worst: tuple[Miss, ...]
    warnings: tuple[str, ...]
    latency: Mapping[str, Stage]


def evaluate(
    dataset: Dataset,
    protocol: Protocol | None,
    images: ImageEncoder,
    texts: TextEncoder,
    calibration: Calibration,
    *,
    max_pixels: int,
    options: Options = DEFAULTS,
    more: More = lambda *_: (),
    warnings: Sequence[str] = (),
    watch: Watch = lambda *_: None,
) -> Evaluation:
    """Encode the items and the queries of a data set, rank, and measure.

    Photos that cannot be decoded join the bad rows. Without a ``protocol``, photos are found by their pixels
    alone, and passages by their texts. Raises InvalidInput when nothing is left to ask, and
    ModelUnavailable when an encoder cannot be had. The same data, encoders and options give the same figures.
    """
    protocol = fitting(dataset, protocol)
    encoders = Encoders(images, texts, max_pixels, watch)
    ready = prepare(dataset, protocol, encoders, options)
    legs = [leg for leg in options.legs if ready.has(leg)]
    if not legs:
        raise InvalidInput(
            f"none of the legs {', '.join(options.legs)} has a score with --protocol {protocol}"
        )
    rankers: list[Ranker] = [OneLeg(leg) for leg in legs]
    rankers += [Fused(name, calibration) for name in options.fusions]
    rankings = _ranked([*rankers, *more(ready, encoders.stopwatch)], ready, encoders)
    base = rankings[len(legs)]
    others = [ranking for ranking in rankings if ranking is not base]
    judged = [judge(ready.truth, ready.plan.clusters, ranking, options.seed) for ranking in rankings]
    return Evaluation(
        protocol,
        images.fingerprint.name,
        len(ready.dataset.photos),
        len(ready.plan.queries),
        {leg: _means(one) for leg, one in zip(legs, judged, strict=False)},
        _means(judged[len(legs)]),
        tuple(sorted(ready.dataset.bad_rows, key=lambda row: row.line)),
        sum(bool(text) for text in ready.plan.stored),
        options,
        tuple(judged),
        tuple(compare(ready.truth, ready.plan.clusters, base, others, options.seed)),
        tuple(_misses(ready, base)),
        tuple(warnings),
        encoders.stopwatch.stages(),
    )


def _ranked(rankers: Sequence[Ranker], ready: Prepared, encoders: Encoders) -> list[Ranking]:
    collectors = [Collector(ranker, ready.truth, encoders.stopwatch) for ranker in rankers]
    total = len(ready.plan.queries)
    for some in blocks(total, len(ready.plan.stored)):
        with encoders.stopwatch.timing("score", some.stop - some.start):
            legs = only(ready.scores(some), ready.options.legs)
        block = Block(some.start, ready.plan.queries[some], legs)
        for collector in collectors:
            collector.add(block)
        encoders.watch("measuring", some.stop, total)
    return [collector.ranking() for collector in collectors]


def _misses(ready: Prepared, ranking: Ranking) -> list[Miss]:
    plan, names = ready.plan, ready.names
    return [
        described(
            query, plan.queries[query], ready.truth, ranking,
            ready.scores(slice(query, query + 1)), names, plan.stored,
        )
        for query in worst(ready.truth, plan.clusters, ranking)
    ]  # fmt: skip


def _means(judged: Judged) -> dict[str, float]:
    return {name: judged.measures[name].mean for name in MEASURES}
