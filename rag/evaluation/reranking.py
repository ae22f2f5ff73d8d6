"""The calibrated fusion with a reranker over the first items of each query, as in a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np

from rag.errors import ModelUnavailable
from rag.evaluation.items import item, place_of
from rag.evaluation.prepared import Prepared
from rag.evaluation.rankings import Block, Fused, Ranked, RankingKind
from rag.protocols import Reranker
from rag.retrieval.fusion import CALIBRATED, LegScores, Scores, relevance_of
from rag.types import Calibration, Described, Hit, Legs


class Reranked:
    """A ``Ranker``. What the reranker does not look at stays behind, in the order of the fusion."""

    kind: RankingKind = "reranked"

    def __init__(
        self,
        ready: Prepared,
        calibration: Calibration,
        reranker: Reranker,
        describe: Callable[[Hit], str],
        *,
        depth: int,
    ) -> None:
        """``describe``: the text of a hit that the reranker reads. ``depth``: hits it looks at.

        Waits until it is loaded: no query is to be counted as one that was asked meanwhile.
        """
        with suppress(ModelUnavailable):  # each query says so
            reranker.warm()
        self._ready = ready
        self._fused = Fused(CALIBRATED, calibration)
        self._reranker = reranker
        self._describe = describe
        self._depth = depth
        self._states: Counter[str] = Counter()
        self._reason = ""

    @property
    def name(self) -> str:
        return f"{CALIBRATED}, reranked"

    def notes(self) -> Mapping[str, str | int]:
        """Which reranker it was, and for how many queries it was applied; ``reason`` of what was not."""
        state: dict[str, str | int] = {"reranker": self._reranker.name, "hits": self._depth, **self._states}
        return state | ({"reason": self._reason} if self._reason else {})

    def rank(self, block: Block) -> Ranked:
        fused = self._fused.rank(block).scores
        scores = np.full(fused.shape, -np.inf)
        relevance = np.zeros(len(fused))
        for q, query in enumerate(block.queries):
            order = np.argsort(-fused[q], kind="stable")
            order = order[np.isfinite(fused[q][order])]
            hits = self._looked_at(query, block.legs, q, fused, order[: self._depth].tolist())
            places = [place_of(hit.item) for hit in hits]
            scores[q, [*places, *order[self._depth :].tolist()]] = -np.arange(len(order))
            relevance[q] = hits[0].relevance if hits else 0.0
        return Ranked(scores, relevance)

    def _looked_at(
        self, query: str, legs: LegScores, q: int, fused: Scores, places: list[int]
    ) -> tuple[Hit, ...]:
        found = []
        for rank, place in enumerate(places, start=1):
            score = float(fused[q, place])
            sure = float(relevance_of(fused[q, place], self._fused.calibration))
            one = Hit(rank, item(self._ready, place), score, sure, _legs(legs, q, place))
            found.append(Described(one, self._describe(one)))
        hits, state = self._reranker.rerank(query, found)
        self._states[state.state] += 1
        self._reason = self._reason if state.state == "applied" else state.reason
        return hits


def _legs(legs: LegScores, q: int, place: int) -> Legs:
    image, caption, bm25 = (float(leg[q, place]) for leg in (legs.image, legs.caption, legs.bm25))
    return Legs(*(None if np.isnan(value) else value for value in (image, caption, bm25)))
