"""The path of a question, in order: search, rerank, abstain or describe, number, answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag import languages
from rag.citations import check
from rag.errors import InvalidInput, ModelUnavailable
from rag.languages import Reader
from rag.protocols import Generator, ImageEncoder, Reranker, Rewriter, WordByWord
from rag.retrieval.paging import check_page
from rag.retrieval.retriever import DEFAULT, Retriever
from rag.types import (
    NOT_FOUND,
    Answer,
    Described,
    Draft,
    Evidence,
    Filter,
    GenerationOptions,
    Hit,
    Item,
    Query,
    RerankState,
    Scope,
    SearchOptions,
    SearchResult,
    Trace,
    Turn,
)
from rag.vision.zero_shot import ZeroShot

NOT_CALIBRATED = (
    "relevance is a guess: nothing was fitted for the encoder {}; OLHAR_RELEVANCE=0 never refuses"
)
MAX_EVIDENCE_CHARACTERS = 2_000
IMAGE_QUESTION = "What does this photo show?"


AWAY = "The language model is away; the evidence below was found without it."
PLAIN = GenerationOptions()


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer is written from, and when the question came."""

    evidence: tuple[Evidence, ...]
    rerank: RerankState
    warnings: tuple[str, ...]
    timings_ms: Mapping[str, float]
    started: float
    query: Query
    trace: Trace


class Pipeline:
    """Searches and answers. Safe to use from several threads; all it remembers is how often it reranked."""

    def __init__(
        self,
        retriever: Retriever,
        encoder: ImageEncoder,
        zero_shot: ZeroShot,
        generator: Generator,
        reranker: Reranker | None = None,
        rewriter: Rewriter | None = None,
        *,
        limit: int = 10,
        evidence: int = 5,
        relevance: float,
        rerank_hits: int = 20,
        calibrated: bool = True,
        notes: tuple[str, ...] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._retriever = retriever
        self._encoder = encoder
        self._zero_shot = zero_shot
        self._generator = generator
        self._reranker = reranker
        self._rewriter = rewriter
        self._limit = limit
        self._evidence = evidence
        self._relevance = relevance
        self._rerank_hits = rerank_hits
        self._reranks: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._calibrated = calibrated
        self._notes = notes
        self._clock = clock

    def search(
        self,
        scope: Scope,
        query: Query,
        *,
        limit: int | None = None,
        where: Filter | None = None,
        listing: SearchOptions = DEFAULT,
        rerank: bool = False,
    ) -> SearchResult:
        """Ranked hits with the score of each leg.

        What is reranked is a first page without a next one. Raises InvalidInput on a query or a page that
        cannot be.
        """
        if rerank and (listing.offset or listing.cursor):
            raise InvalidInput("further pages are not reranked: leave out rerank, or offset and cursor")
        started = self._clock()
        wanted = self._limit if limit is None else limit
        found = self._retrieved(scope, query, wanted, where, listing, rerank=rerank)
        timings = {**found.timings_ms, "total": (self._clock() - started) * 1e3}
        warnings = (*found.warnings, *self._warnings(query, self._finder))
        return replace(found, hits=found.hits[:wanted], warnings=warnings, timings_ms=timings)

    def ask(
        self,
        scope: Scope,
        query: Query,
        *,
        limit: int | None = None,
        where: Filter | None = None,
        listing: SearchOptions = DEFAULT,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        rerank: bool = True,
    ) -> Answer:
        """An answer from numbered evidence, or none when nothing in the collection is relevant enough.

        With ``history`` the question is rewritten first, where there is a rewriter; ``trace`` says how.
        While the language model is away, the answer says so and carries the evidence.
        """
        found = self._found(scope, query, limit, where, listing, history, rerank=rerank)
        started = self._clock()
        try:
            *_, draft = self._pieces(found, options, history)
            assert isinstance(draft, Draft)
        except ModelUnavailable as error:
            draft = Draft(AWAY, (), (f"degraded: {error}",))
        return self._answered(found, draft, started)

    def stream(
        self,
        scope: Scope,
        query: Query,
        *,
        limit: int | None = None,
        where: Filter | None = None,
        listing: SearchOptions = DEFAULT,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        rerank: bool = True,
    ) -> Iterator[tuple[Evidence, ...] | str | Answer]:
        """As ``ask``: first the evidence, then the answer's text in pieces, last the answer that they make.

        Closing the iterator stops the language model. When that breaks off, the text ends there, ``finish``
        is ``length``, and a warning says why.
        """
        found = self._found(scope, query, limit, where, listing, history, rerank=rerank)
        yield found.evidence
        started, shown = self._clock(), ""
        try:
            for piece in self._pieces(found, options, history):
                if isinstance(piece, str):
                    shown += piece
                    yield piece
                else:
                    draft = piece
        except ModelUnavailable as error:
            if not shown:
                yield AWAY
            draft = (
                _broken_off(shown, found.evidence, error)
                if shown
                else Draft(AWAY, (), (f"degraded: {error}",))
            )
        yield self._answered(found, draft, started)

    def _found(
        self,
        scope: Scope,
        query: Query,
        limit: int | None,
        where: Filter | None,
        listing: SearchOptions,
        history: Sequence[Turn],
        *,
        rerank: bool,
    ) -> Found:
        started = self._clock()
        query, trace = self._understood(query, history)
        wanted = max(limit or 0, self._evidence)
        found = self._retrieved(scope, query, wanted, where, listing, rerank=rerank)
        kept = [hit for hit in found.hits if hit.relevance >= self._relevance][: limit or self._evidence]
        evidence = number(self.described(scope, kept))
        return Found(evidence, found.rerank, found.warnings, found.timings_ms, started, query, trace)

    def _understood(self, query: Query, history: Sequence[Turn]) -> tuple[Query, Trace]:
        """The question that is searched for, and how it came about."""
        started, text = self._clock(), query.text.strip()
        language = languages.detect(text) or "" if text else ""
        if self._rewriter is None or not history or not text:
            why = "OLHAR_REWRITE is off" if history and text else "no earlier turns"
            return query, Trace(language, reason=why)
        try:
            rewritten = self._rewriter.rewrite(text, history)
        except ModelUnavailable as error:
            return query, Trace(language, "", self._since(started), "failed", str(error))
        if rewritten == text:
            return query, Trace(language, "", self._since(started), "unchanged")
        return replace(query, text=rewritten), Trace(language, rewritten, self._since(started), "rewritten")

    def _since(self, started: float) -> float:
        return (self._clock() - started) * 1e3

    def _pieces(
        self, found: Found, options: GenerationOptions, history: Sequence[Turn]
    ) -> Iterator[str | Draft]:
        if not found.evidence:
            yield from (NOT_FOUND, Draft(NOT_FOUND, (), abstained=True))
            return
        question = found.query.text.strip() or IMAGE_QUESTION
        yield from self._generator.stream(question, found.evidence, options=options, history=history)

    def _answered(self, found: Found, draft: Draft, started: float) -> Answer:
        ended = self._clock()
        timings = {"generate": (ended - started) * 1e3, "total": (ended - found.started) * 1e3}
        return Answer(
            text=draft.text,
            abstained=draft.abstained,
            citations=draft.citations,
            evidence=found.evidence,
            rerank=found.rerank,
            model=self._generator.name,
            warnings=(
                *found.warnings,
                *self._warnings(found.query, self._finder, self._writer),
                *draft.warnings,
            ),
            timings_ms={**found.timings_ms, **timings},
            usage=draft.usage,
            finish=draft.finish,
            trace=found.trace,
        )

    @property
    def reranks(self) -> Mapping[str, int]:
        """How many searches and questions ended as ``applied``, ``degraded`` and ``skipped`` so far."""
        with self._counting:
            return {state: self._reranks[state] for state in ("applied", "degraded", "skipped")}

    def _retrieved(
        self,
        scope: Scope,
        query: Query,
        limit: int,
        where: Filter | None,
        listing: SearchOptions,
        *,
        rerank: bool,
    ) -> SearchResult:
        """At least ``limit`` hits, if there are as many, reranked where that is wanted."""
        check_page(limit, listing)
        why_not = "not asked for" if not rerank else self._why_not(query)
        depth = limit if why_not else max(limit, self._rerank_hits)
        found = self._retriever.search(scope, query, limit=depth, where=where, listing=listing)
        started = self._clock()
        hits, state = (
            (found.hits, RerankState("skipped", why_not)) if why_not else self._rerank(query, found.hits)
        )
        with self._counting:
            self._reranks[state.state] += 1
        timings = {**found.timings_ms, "rerank": (self._clock() - started) * 1e3}
        following = found.next if why_not else ""
        return replace(found, hits=hits, rerank=state, timings_ms=timings, next=following)

    def _why_not(self, query: Query) -> str:
        if self._reranker is None:
            return "no reranker is configured (OLHAR_RERANKER=none)"
        return "" if query.text.strip() else "the question is a picture without words"

    def _rerank(self, query: Query, hits: tuple[Hit, ...]) -> tuple[tuple[Hit, ...], RerankState]:
        """The first ``rerank_hits`` in the reranker's order, the others behind them."""
        if self._reranker is None or not hits:
            return hits, RerankState("skipped", "nothing was found")
        looked_at, rest = hits[: self._rerank_hits], hits[self._rerank_hits :]
        described = [Described(hit, describe(hit) if _has_words(hit.item) else "") for hit in looked_at]
        reranked, state = self._reranker.rerank(query.text.strip(), described)
        return (*reranked, *rest), state

    def described(self, scope: Scope, hits: Sequence[Hit]) -> list[Hit]:
        """The hits; those without a caption with the words that their picture looks like."""
        bare = [hit for hit in hits if not hit.item.caption and (not hit.item.parent_id or hit.item.is_frame)]
        if not bare:
            return list(hits)
        rows = [row for row in self._retriever.rows(scope, tuple(bare)) if row.image_vector is not None]
        vectors = [row.image_vector for row in rows if row.image_vector is not None]
        labels = self._zero_shot.label(np.stack(vectors)) if vectors else []
        known = {row.item.id: label for row, label in zip(rows, labels, strict=True)}
        return [replace(hit, labels=known.get(hit.item.id, ())) for hit in hits]

    @property
    def _finder(self) -> Reader:
        encoder = self._encoder
        model = f"the encoder {encoder.fingerprint.name}"
        return Reader(model, encoder.languages, "OLHAR_ENCODER", "photos may be missed")

    @property
    def _writer(self) -> Reader:
        generator = self._generator
        model = f"the language model {generator.name}"
        return Reader(model, generator.languages, "OLHAR_LLM", "the answer may be wrong")

    def _warnings(self, query: Query, *readers: Reader) -> tuple[str, ...]:
        text = " ".join((query.text, *query.negative))
        said = languages.combined(text, readers)
        lost = self._encoder.not_understood(text) if isinstance(self._encoder, WordByWord) else ()
        unknown = languages.unknown_words(lost, self._encoder.fingerprint.name)
        guess = None if self._calibrated else NOT_CALIBRATED.format(self._encoder.fingerprint.name)
        return tuple(text for text in (said, unknown, guess, *self._notes) if text)


def _broken_off(shown: str, evidence: Sequence[Evidence], error: ModelUnavailable) -> Draft:
    text, citations, _ = check(shown, evidence)
    return Draft(text, citations, (f"degraded: {error}",), finish="length")


def number(hits: Sequence[Hit]) -> tuple[Evidence, ...]:
    """Hits with their markers, 1 first, and the text that a language model reads for each."""
    return tuple(Evidence(marker, hit, describe(hit)) for marker, hit in enumerate(hits, start=1))


def place(item: Item) -> str:
    """Where a part stands: the title of its document and its page, slide, sheet, chapter or frame."""
    unit, inside, _ = item.part.partition("/")
    unit = unit.replace("-", " ") if item.page else ""
    whole = item.kind == "passage" or (unit and not inside)  # a page of a TIFF, or a frame
    what = "" if whole else "figure on " if unit else "figure in "
    return (
        f"{what}{unit} of {item.metadata.get('title', '')}"
        if unit
        else f"{what}{item.metadata.get('title', '')}"
    )


def describe(hit: Hit) -> str:
    """All that is known of a hit, in one paragraph for a language model to read."""
    item = hit.item
    parts = [f"{place(item)}:"] if item.parent_id else []
    if item.kind == "passage":
        parts.append(item.caption)
    elif item.caption:
        parts.append(f"Caption: {item.caption}")
    elif hit.labels:
        parts.append("No caption. Looks like: " + "; ".join(label.name for label in hit.labels))
    if item.text:
        parts.append(item.text)
    if item.ocr:
        parts.append(f"Text in the picture: {item.ocr}")
    if item.tags:
        parts.append("Tags: " + ", ".join(item.tags))
    return " ".join(" ".join(parts).split())[:MAX_EVIDENCE_CHARACTERS]


def _has_words(item: Item) -> bool:
    return bool(item.caption or item.text or item.ocr or item.tags)
