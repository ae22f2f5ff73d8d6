"""The fusion against each leg and against other ways to fuse, with all captions and with half of them.

    python -m benchmarks.fusion DEV [--cache FOLDER]

DEV has photos with several captions each and a `captions.jsonl`: the first caption is stored, the others ask.
Half of the stored captions are taken away at random three times. p is that of the difference from
`calibrated` being chance (randomisation over photos), corrected for how many are compared (Holm).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.cached_encoders import CachedEncoders
from rag.build import build
from rag.evaluation.datasets import Dataset, read_dataset
from rag.evaluation.judging import compare
from rag.evaluation.measures import CUTOFFS, Truth, per_query
from rag.evaluation.prepared import Options, Prepared, prepare
from rag.evaluation.rankings import Block, Collector, Fused, OneLeg, Ranker, Ranking, blocks
from rag.evaluation.scoring import LEGS
from rag.evaluation.stopwatch import Stopwatch
from rag.retrieval.fusion import CALIBRATED, FUSIONS
from rag.settings import load_settings
from rag.types import Calibration

SEEDS: Final = range(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dev", type=Path, metavar="DEV")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    with build(load_settings()) as olhar:
        encoders, dataset = CachedEncoders.of(olhar, given.cache), read_dataset(given.dev)
        report("all captions", encoders, dataset, [Options()], olhar.row_calibration)
        halves = [Options(drop_captions=0.5, seed=seed) for seed in SEEDS]
        report("half of the captions", encoders, dataset, halves, olhar.row_calibration)


def report(
    name: str, encoders: CachedEncoders, dataset: Dataset, rounds: Sequence[Options], weights: Calibration
) -> None:
    """A line for each ranking; a photo's queries of all rounds belong together."""
    ready = [prepare(dataset, "captioned", encoders, options) for options in rounds]
    truth = Truth.of([places for one in ready for places in one.plan.relevant])
    clusters = [number for one in ready for number in one.plan.clusters]
    rounds_of = zip(*(ranked(one, weights) for one in ready), strict=True)
    base, *others = [together(found) for found in rounds_of]
    compared = {(c.name, c.measure): c.p_holm for c in compare(truth, clusters, base, others, 0)}
    print(f"{name}, {len(ready[0].plan.queries)} queries, {len(ready)} times", flush=True)
    for ranking in (base, *others):
        told = []
        for k, mean in zip(CUTOFFS, per_query(truth, ranking.ranks).mean(axis=0), strict=False):
            p = compared.get((ranking.name, f"recall@{k}"))
            told.append(f"recall@{k} {mean:.3f}" + ("" if p is None else f" (p {p:.4f})"))
        print(f"  {ranking.kind:7}{ranking.name:11}{', '.join(told)}", flush=True)


def ranked(ready: Prepared, weights: Calibration) -> list[Ranking]:
    """By ``calibrated`` first, then by the legs and by the other fusions."""
    others = [Fused(name, weights) for name in FUSIONS if name != CALIBRATED]
    rankers: list[Ranker] = [Fused(CALIBRATED, weights), *(OneLeg(leg) for leg in LEGS), *others]
    collectors = [Collector(ranker, ready.truth, Stopwatch()) for ranker in rankers]
    for some in blocks(len(ready.plan.queries), len(ready.plan.stored)):
        block = Block(some.start, ready.plan.queries[some], ready.scores(some))
        for collector in collectors:
            collector.add(block)
    return [collector.ranking() for collector in collectors]


def together(rounds: Sequence[Ranking]) -> Ranking:
    """One ranking of the queries of all rounds, one after the other."""
    ranks, first = (np.concatenate([getattr(one, name) for one in rounds]) for name in ("ranks", "first"))
    return Ranking(rounds[0].name, rounds[0].kind, ranks, first, None, rounds[0].notes)


if __name__ == "__main__":
    main()
