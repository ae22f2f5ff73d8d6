"""The path of a question, in order: understand, search, rerank, abstain or describe, number, answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rag.errors import InvalidInput
from rag.faithfulness import Checker
from rag.observing import tell
from rag.pipeline.answering import AWAY, Found, drafted
from rag.pipeline.evidence import chosen, distinct, number
from rag.pipeline.finding import Finder
from rag.pipeline.notices import Notices
from rag.pipeline.understanding import understood
from rag.protocols import Generator, ImageEncoder, Reranker, Rewriter
from rag.questions import Question
from rag.retrieval.retriever import Retriever
from rag.types import Answer, Draft, Evidence, Hit, Query, Scope, SearchResult, Supported
from rag.vision.zero_shot import ZeroShot

MOST_HITS = 1000
LOOKED_AT = 20
"""Hits among which evidence is chosen."""


class Pipeline:
    """Searches and answers. Safe to use from several threads; all it remembers is how often it reranked.

    ``gate`` is shown every query first, and raises what keeps it out.
    """

    def __init__(
        self,
        retriever: Retriever,
        encoder: ImageEncoder,
        zero_shot: ZeroShot,
        generator: Generator,
        reranker: Reranker | None = None,
        rewriter: Rewriter | None = None,
        checker: Checker | None = None,
        *,
        limit: int = 10,
        evidence: int = 5,
        relevance: float,
        rerank_hits: int = 20,
        calibrated: bool = True,
        notes: tuple[str, ...] = (),
        gate: Callable[[Query], None] = lambda _: None,
        clock: Callable[[], float] = time.perf_counter,
        name: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._finder = Finder(retriever, zero_shot, reranker, rerank_hits, clock)
        self._notices = Notices(encoder, generator, calibrated=calibrated, notes=notes)
        self._generator = generator
        self._gate = gate
        self._rewriter = rewriter
        self._checker = checker or Checker()
        self._limit = limit
        self._evidence = evidence
        self._relevance = relevance
        self._clock = clock
        self._name = name

    def search(self, question: Question) -> SearchResult:
        """Ranked hits with the score of each leg.

        What is reranked is a first page without a next one. Raises InvalidInput on a query or a page that
        cannot be.
        """
        listing, rerank = question.listing, bool(question.rerank)
        if rerank and (listing.offset or listing.cursor):
            raise InvalidInput("further pages are not reranked: leave out rerank, or offset and cursor")
        self._gate(question.query)
        started = self._clock()
        wanted = self._limit if question.limit is None else question.limit
        found = self._finder.found(question, wanted, rerank=rerank)
        timings = {**found.timings_ms, "total": self._since(started)}
        warnings = (*found.warnings, *self._notices.of_search(question.query))
        return tell(replace(found, hits=found.hits[:wanted], warnings=warnings, timings_ms=timings))

    def ask(self, question: Question) -> Answer:
        """An answer from numbered evidence, or none when nothing in the collection is relevant enough.

        With a history the question is rewritten first, where there is a rewriter; ``trace`` says how.
        While the language model is away, the answer says so and carries the evidence.
        """
        *_, answer = self.stream(question)
        assert isinstance(answer, Answer)
        return answer

    def stream(self, question: Question) -> Iterator[tuple[Evidence, ...] | str | Answer]:
        """As ``ask``: first the evidence, then the answer's text in pieces, last the answer that they make.

        Closing the iterator stops the language model. When that breaks off, the text ends there, ``finish``
        is ``length``, and a warning says why.
        """
        found = self._found(question)
        yield found.evidence
        started = self._clock()
        for piece in drafted(self._generator, found, question):
            yield piece if isinstance(piece, str) else tell(self._answered(found, piece, started, question))

    def described(self, scope: Scope, hits: Sequence[Hit]) -> list[Hit]:
        """The hits; those without a caption with the words that their picture looks like."""
        return self._finder.described(scope, hits)

    @property
    def reranks(self) -> Mapping[str, int]:
        """How many searches and questions ended as ``applied``, ``degraded`` and ``skipped`` so far."""
        return self._finder.reranks

    def _found(self, question: Question) -> Found:
        self._gate(question.query)
        started = self._clock()
        query, trace = understood(question.query, question.history, self._rewriter, self._clock)
        most = question.limit or self._evidence
        meant = replace(question, query=query)
        # More than are wanted: what says the same as another is no evidence; words may answer better.
        depth = max(2 * most, 2 * self._evidence, LOOKED_AT)
        found = self._finder.found(meant, min(depth, MOST_HITS), rerank=question.rerank is not False)
        kept, alike = distinct([hit for hit in found.hits if hit.relevance >= self._relevance])
        best = kept[:most] if found.rerank.state == "applied" else chosen(kept, most)
        evidence = number(self._finder.described(question.scope, best), alike)
        return Found(evidence, found.rerank, found.warnings, found.timings_ms, started, query, trace)

    def _since(self, started: float) -> float:
        return (self._clock() - started) * 1e3

    def _answered(self, found: Found, draft: Draft, started: float, question: Question) -> Answer:
        timings = {"generate": self._since(started)}
        sentences, said = self._checked(found, draft, question)
        timings["total"] = self._since(found.started)
        return Answer(
            text=draft.text,
            abstained=draft.abstained,
            citations=draft.citations,
            evidence=found.evidence,
            rerank=found.rerank,
            model=self._generator.name,
            warnings=(*found.warnings, *self._notices.of_answer(found.query), *draft.warnings, *said),
            timings_ms={**found.timings_ms, **timings},
            usage=draft.usage,
            finish=draft.finish,
            trace=found.trace,
            shown=draft.shown,
            id=self._name(),
            sentences=sentences,
        )

    def _checked(
        self, found: Found, draft: Draft, question: Question
    ) -> tuple[tuple[Supported, ...], tuple[str, ...]]:
        """What the evidence says of each sentence, and warnings; of JSON, and of no answer, nothing."""
        if draft.abstained or draft.text == AWAY or question.options.schema is not None:
            return (), ()
        sentences, warning = self._checker.checked(draft.text, found.evidence, question.faithfulness)
        other = self._notices.of_language(question.query, draft.text)
        return sentences, (*((warning,) if warning else ()), *other)
