"""The real search over a real store: candidates, an index, and all that may go wrong between."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np

from rag.evaluation.items import SCOPE, place_of, rows
from rag.evaluation.prepared import Prepared
from rag.evaluation.rankings import Block, Fused, Ranked, RankingKind
from rag.evaluation.stopwatch import Stopwatch
from rag.protocols import Store
from rag.retrieval.fusion import CALIBRATED
from rag.retrieval.retriever import Retriever
from rag.types import Calibration, Query, SearchOptions

WRITTEN = 500
"""Rows written at a time."""
EVERY_HIT = SearchOptions(group="none")
"""Photos that look alike are not shown as one: it is the ranking that is measured."""


class Stored:
    """A ``Ranker``: what ``Retriever.search`` finds, ``depth`` hits of each query.

    It should rank as the exact fusion does, to that depth: a difference is what the candidates or the index
    lose.
    """

    kind: RankingKind = "stored"
    name = "search over a store"

    def __init__(
        self,
        ready: Prepared,
        calibration: Calibration,
        store: Store,
        retriever: Retriever,
        stopwatch: Stopwatch,
        *,
        depth: int,
    ) -> None:
        """Writes all items to the store, which has to be empty."""
        self._ready = ready
        self._exact = Fused(CALIBRATED, calibration)
        self._retriever = retriever
        self._stopwatch = stopwatch
        self._depth = depth
        self._otherwise = 0
        waiting = rows(ready)
        while some := list(islice(waiting, WRITTEN)):
            with stopwatch.timing("write to the store", len(some)):
                store.upsert(some)

    def notes(self) -> Mapping[str, str | int]:
        """How many queries have another first item than by exact scores of everything."""
        return {"hits": self._depth, "another first item": self._otherwise}

    def rank(self, block: Block) -> Ranked:
        exact = self._exact.rank(block).scores
        scores = np.full(exact.shape, -np.inf)
        relevance = np.zeros(len(exact))
        for q, query in enumerate(block.queries):
            found = self._retriever.search(SCOPE, Query(query), limit=self._depth, listing=EVERY_HIT)
            for stage, ms in found.timings_ms.items():
                self._stopwatch.add(f"search: {stage}", 1, ms / 1e3)
            places = [place_of(hit.item) for hit in found.hits]
            scores[q, places] = -np.arange(len(places))
            relevance[q] = found.hits[0].relevance if found.hits else 0.0
            self._otherwise += bool(places) and places[0] != int(exact[q].argmax())
        return Ranked(scores, relevance)
