"""From evidence to an answer: the model's draft, what stands in its place when there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.citations import check
from rag.errors import ModelUnavailable
from rag.protocols import Generator
from rag.questions import Question
from rag.types import NOT_FOUND, Draft, Evidence, Query, RerankState, Trace

IMAGE_QUESTION = "What does this photo show?"
AWAY = "The language model is away; the evidence below was found without it."


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


def drafted(generator: Generator, found: Found, question: Question) -> Iterator[str | Draft]:
    """The answer's text in pieces, and last the draft that they make.

    When the model breaks off, the text ends there, ``finish`` is ``length``, and a warning says why; when
    not a word came, the draft says that the model is away.
    """
    shown = ""
    try:
        for piece in _pieces(generator, found, question):
            shown += piece if isinstance(piece, str) else ""
            yield piece
    except ModelUnavailable as error:
        if not shown:
            yield AWAY
        yield _broken_off(shown, found.evidence, error, is_json=question.options.schema is not None)


def _pieces(generator: Generator, found: Found, question: Question) -> Iterator[str | Draft]:
    if not found.evidence:
        yield from (NOT_FOUND, Draft(NOT_FOUND, (), abstained=True))
        return
    asked = found.query.text.strip() or IMAGE_QUESTION
    yield from generator.stream(
        asked,
        found.evidence,
        options=question.options,
        history=question.history,
        pictures=found.query.pictures,
    )


def _broken_off(shown: str, evidence: Sequence[Evidence], error: ModelUnavailable, *, is_json: bool) -> Draft:
    said = (f"degraded: {error}",)
    if not shown:
        return Draft(AWAY, (), said)
    if is_json:  # a list of numbers looks like a marker
        return Draft(shown, (), said, finish="length")
    text, citations, _ = check(shown, evidence)
    return Draft(text, citations, said, finish="length")
