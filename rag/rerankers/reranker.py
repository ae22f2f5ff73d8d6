"""Reranks what was found with a model that scores pairs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rag.errors import ModelUnavailable
from rag.rerankers.combining import rearranged, reordered
from rag.rerankers.remembering import Scores
from rag.rerankers.scorer import Model, Pair, Scorer
from rag.rerankers.trust import Trust
from rag.types import Described, Hit, RerankState, RerankWeights

FEWEST = 5
"""Hits that have to be read before a deadline for these alone to be put in order."""


class ScoringReranker:
    """A ``Reranker`` over a scorer: remembers scores, keeps the deadline, and says what became of it.

    ``seconds`` bounds the scoring of one question's pairs, and before it the wait for a model that is being
    loaded; ``load_seconds`` bounds that loading, and the trial on known answers. When the deadline passes,
    the best hits, as many as were read without a gap, are put in order if they are FEWEST or more; the
    others keep their places, and every place its relevance. The scores that came are remembered for the
    next time.
    """

    def __init__(
        self,
        scorer: Scorer,
        weights: RerankWeights | None = None,
        *,
        seconds: float,
        load_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scorer = scorer
        self._weights = weights or RerankWeights()
        self._seconds = seconds
        self._trust = Trust(scorer, load_seconds=load_seconds, clock=clock)
        self._scores = Scores()
        self._lock = threading.Lock()
        self._under_way = 0

    @property
    def name(self) -> str:
        """As set by OLHAR_RERANKER."""
        return self._scorer.name

    def rerank(self, question: str, found: Sequence[Described]) -> tuple[tuple[Hit, ...], RerankState]:
        """As ``rag.protocols.Reranker``. Hits with nothing that the model can read keep their places."""
        hits = tuple(one.hit for one in found)
        try:
            model = self._trust.model(self._seconds)
            pairs = _pairs(question, found, model)
            if not pairs:
                return hits, RerankState("skipped", "nothing is written of what was found")
            scores, alone = self._scored(model, pairs)
        except ModelUnavailable as error:
            return hits, RerankState("degraded", str(error))
        read = _without_gap(pairs, scores)
        if why := self._why_not(len(pairs), len(scores), len(read), alone=alone):
            partly = len(scores) < len(pairs) and len(read) >= FEWEST
            return rearranged(hits, read, self._weights) if partly else hits, RerankState("degraded", why)
        return reordered(hits, read, self._weights), RerankState("applied", _said(len(read), len(hits)))

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float | None, ...]:
        """As ``rag.protocols.TextReranker``. What was read before the deadline is remembered."""
        model = self._trust.model(self._seconds)
        pairs = {place: Pair(question, text) for place, text in enumerate(texts) if text.strip()}
        scores, alone = self._scored(model, pairs) if pairs else ({}, True)
        if len(scores) < len(pairs):
            waited = "" if alone else ", part of which it waited for other questions"
            error = ModelUnavailable(
                f"{len(scores)} of {len(pairs)} texts were read within {self._seconds:g} s{waited}; what was "
                "read is remembered: send them again, or fewer at a time, or raise OLHAR_RERANK_SECONDS"
            )
            error.retryable = False  # nothing is wrong with the model
            raise error
        return tuple(scores.get(place) for place in range(len(texts)))

    def warm(self) -> None:
        """Load the model and try it on known answers. Raises ModelUnavailable."""
        self._trust.model()

    def check(self) -> Mapping[str, str]:
        """``{"device", "model"}`` of a model that can be had, without loading it. Raises ModelUnavailable."""
        model = self._trust.look()
        return {"device": model.device, "model": self.name.partition(":")[2]}

    def close(self) -> None:
        """Free what the model holds."""
        self._scorer.close()

    def _scored(self, model: Model, pairs: Mapping[int, Pair]) -> tuple[dict[int, float | None], bool]:
        """The scores by place: those remembered, and those that came in time. And whether no other question's
        hits were being read when it began. Raises ModelUnavailable, and then the model is left alone a while.
        """
        scores: dict[int, float | None] = {}
        for place, pair in pairs.items():
            if (known := self._scores.get(model.digest, pair)) is not None:
                scores[place] = known
        left = {place: pair for place, pair in pairs.items() if place not in scores}
        if not left:
            return scores, True
        try:
            with self._reading() as alone:
                scores |= self._read(model, left)
                # To a question that waited for others, silence says nothing of the model.
                if alone and not scores:
                    raise ModelUnavailable(self._why_not(len(pairs), 0, 0, alone=True))
        except ModelUnavailable as error:
            self._trust.failed(error)
            raise
        return scores, alone

    def _read(self, model: Model, pairs: Mapping[int, Pair]) -> dict[int, float | None]:
        places, scores = list(pairs), dict[int, float | None]()
        for index, score in self._scorer.score(list(pairs.values()), self._seconds):
            scores[places[index]] = score
            if score is not None:
                self._scores.put(model.digest, pairs[places[index]], score)
        return scores

    @contextmanager
    def _reading(self) -> Iterator[bool]:
        """Gives whether no other question's hits are being read."""
        with self._lock:
            self._under_way += 1
            alone = self._under_way == 1
        try:
            yield alone
        finally:
            with self._lock:
                self._under_way -= 1

    def _why_not(self, wanted: int, came: int, read: int, *, alone: bool) -> str:
        if came == wanted:
            return (
                ""
                if read
                else f"of {wanted} hits none was answered with yes or no, so the order is as it was"
            )
        waited = "" if alone else ", part of which it waited for other questions"
        left = "so the order is as it was"
        if read >= FEWEST:
            left = f"so the best {read} were put in order and the others are as they were"
        return (
            f"{came} of {wanted} hits were read within {self._seconds:g} s{waited}, {left}; "
            "raise OLHAR_RERANK_SECONDS, lower OLHAR_RERANK_HITS, or set OLHAR_RERANKER to a smaller model"
        )


def _without_gap(pairs: Mapping[int, Pair], scores: Mapping[int, float | None]) -> dict[int, float]:
    """The scores by place, up to the first hit that was not read. What cannot be read is left out."""
    read = {}
    for place in pairs:
        if place not in scores:
            break
        if (score := scores[place]) is not None:
            read[place] = score
    return read


def _pairs(question: str, found: Sequence[Described], model: Model) -> dict[int, Pair]:
    """By place, what the model is to read; without hits of which there is nothing to read."""
    pairs = {}
    for place, one in enumerate(found):
        item = one.hit.item
        image = item.content_hash if model.sees and item.kind == "image" else ""
        if one.text or image:
            pairs[place] = Pair(question, one.text, image)
    return pairs


def _said(read: int, hits: int) -> str:
    if read == hits:
        return f"{hits} hits were read"
    return f"{read} of {hits} hits were read; of the others nothing is written, and they keep their places"
