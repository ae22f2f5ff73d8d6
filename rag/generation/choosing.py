"""Which piece of evidence a small model is shown, and which others would have done as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rag.generation.grounding import coverage, lacks_what_is_asked
from rag.generation.prompts import statement_of
from rag.types import Evidence

WORDS_WEIGH: Final = 4.0
"""Log-odds that evidence gains from holding every word of the question, beside evidence that holds none.
Chosen on the half ``tune`` of benchmarks/answers_questions.jsonl."""

AS_WELL: Final = "the question as well; the answer is about"
"""What a warning says of other pieces."""

CLOSE: Final = 1.5
"""Log-odds within which the better of two pieces that hold the same words may well be the wrong one. Chosen
on 119 questions about photos that the encoder was not trained on: it tells of all 6 wrong pieces, and of 6 of
112 right ones."""


def best(question: str, evidence: Sequence[Evidence]) -> Evidence:
    """The piece that is relevant, and holds the words that were asked for."""
    return max(evidence, key=lambda piece: piece.hit.score + WORDS_WEIGH * fit(question, piece))


def fit(question: str, piece: Evidence) -> float:
    """How well a piece fits a question's words, and holds the kind of thing that is asked for; at most 1."""
    statement = statement_of(piece)
    return coverage(question, statement) - lacks_what_is_asked(question, statement)


def as_fitting(question: str, chosen: Evidence, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The other pieces that fit the question's words no less, and are nearly as relevant."""
    least = fit(question, chosen)
    if least <= 0:
        return ()
    return tuple(
        piece
        for piece in evidence
        if piece is not chosen
        and chosen.hit.score - piece.hit.score < CLOSE
        and fit(question, piece) >= least
    )
