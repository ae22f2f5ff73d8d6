"""Hits for a question: found, looked at again by a reranker where that is wanted, described."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from rag.pipeline.evidence import describe, has_words
from rag.protocols import Reranker
from rag.questions import Question
from rag.retrieval.paging import check_page
from rag.retrieval.retriever import Retriever
from rag.types import AUDIO, Described, Hit, Query, RerankState, Scope, SearchResult
from rag.vision.zero_shot import ZeroShot


class Finder:
    """Finds, reranks and labels. All it remembers is how often it reranked."""

    def __init__(
        self,
        retriever: Retriever,
        zero_shot: ZeroShot,
        reranker: Reranker | None,
        rerank_hits: int,
        clock: Callable[[], float],
    ) -> None:
        self._retriever = retriever
        self._zero_shot = zero_shot
        self._reranker = reranker
        self._rerank_hits = rerank_hits
        self._clock = clock
        self._reranks: Counter[str] = Counter()
        self._counting = threading.Lock()

    @property
    def reranks(self) -> Mapping[str, int]:
        """How many searches and questions ended as ``applied``, ``degraded`` and ``skipped`` so far."""
        with self._counting:
            return {state: self._reranks[state] for state in ("applied", "degraded", "skipped")}

    def found(self, question: Question, limit: int, *, rerank: bool) -> SearchResult:
        """At least ``limit`` hits, if there are as many, reranked where that is wanted."""
        query = question.query
        check_page(limit, question.listing)
        why_not = "not asked for" if not rerank else self._why_not(query)
        found = self._retriever.search(
            question.scope,
            query,
            limit=limit if why_not else max(limit, self._rerank_hits),
            where=question.where,
            listing=question.listing,
        )
        started = self._clock()
        hits, state = (
            (found.hits, RerankState("skipped", why_not)) if why_not else self._rerank(query, found.hits)
        )
        with self._counting:
            self._reranks[state.state] += 1
        timings = {**found.timings_ms, "rerank": (self._clock() - started) * 1e3}
        following = found.next if why_not else ""
        return replace(found, hits=hits, rerank=state, timings_ms=timings, next=following)

    def described(self, scope: Scope, hits: Sequence[Hit]) -> list[Hit]:
        """The hits; those without a caption with the words that their picture looks like."""
        seen = [hit for hit in hits if hit.item.modality != AUDIO]
        bare = [hit for hit in seen if not hit.item.caption and (not hit.item.parent_id or hit.item.is_frame)]
        if not bare:
            return list(hits)
        rows = [row for row in self._retriever.rows(scope, tuple(bare)) if row.image_vector is not None]
        vectors = [row.image_vector for row in rows if row.image_vector is not None]
        labels = self._zero_shot.label(np.stack(vectors)) if vectors else []
        known = {row.item.id: label for row, label in zip(rows, labels, strict=True)}
        return [replace(hit, labels=known.get(hit.item.id, ())) for hit in hits]

    def _why_not(self, query: Query) -> str:
        if self._reranker is None:
            return "no reranker is configured (OLHAR_RERANKER=none)"
        return "" if query.text.strip() else "the question is without words"

    def _rerank(self, query: Query, hits: tuple[Hit, ...]) -> tuple[tuple[Hit, ...], RerankState]:
        """The first ``rerank_hits`` in the reranker's order, the others behind them."""
        if self._reranker is None or not hits:
            return hits, RerankState("skipped", "nothing was found")
        looked_at, rest = hits[: self._rerank_hits], hits[self._rerank_hits :]
        described = [Described(hit, describe(hit) if has_words(hit.item) else "") for hit in looked_at]
        reranked, state = self._reranker.rerank(query.text.strip(), described)
        return (*reranked, *rest), state
