"""How each class of models is made to answer: pieces as they come, and last the draft that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from rag.citations import NO_CITATION, Checked, check
from rag.faults import BrokenStream, unavailable
from rag.generation.chat_models import ChatModel, Written
from rag.generation.grounding import beside, guessed, supported, verdict
from rag.generation.prompts import (
    inscriptions,
    labels_of,
    large_messages,
    only_labels,
    statement_of,
)
from rag.generation.speech import Speech
from rag.types import NOT_FOUND, Draft, Evidence, GenerationOptions, Turn

SURE = 0.5
"""The relevance from which evidence is quoted even when it shares no word with the question."""

ONLY_THE_QUESTION = (
    "is too small for a conversation: earlier messages and instructions have no effect on how it writes; "
    "set OLHAR_LLM to a larger model"
)

Pieces: TypeAlias = Iterator[str | Draft]
"""Texts, and last the draft whose text they make."""


def write_large(
    chat: ChatModel,
    question: str,
    evidence: Sequence[Evidence],
    options: GenerationOptions,
    history: Sequence[Turn],
) -> Pieces:
    """The model's own words with its own markers, those that point at nothing left out."""
    speech, checked, end, shown = Speech(), Checked(evidence), Written(), ""
    for piece in chat.stream(large_messages(question, evidence, history, options), options):
        if isinstance(piece, Written):
            end = piece
        elif text := checked.feed(speech.feed(piece)):
            shown += text
            yield text
    rest = checked.feed(speech.end()) + checked.end()
    if not shown + rest:
        raise unavailable(BrokenStream("empty answer"), chat.place)
    abstained = not checked.citations and _declines(shown + rest)
    if abstained and not shown:
        rest = NOT_FOUND
    if rest:
        yield rest
    warnings = tuple(said for said in checked.warnings if not (abstained and said == NO_CITATION))
    yield Draft(shown + rest, checked.citations, warnings, abstained, end.usage, end.finish)


def write_small(
    chat: ChatModel,
    question: str,
    evidence: Sequence[Evidence],
    options: GenerationOptions,
    history: Sequence[Turn],
) -> Pieces:
    """One sentence about the best evidence, which the program cites: nothing else was shown.

    It is shown once it was held against the evidence. The program answers by itself where small models only
    guess: from labels, and with yes or no. It abstains where the evidence shares no word with the question
    and is not surely relevant either.
    """
    best, end = evidence[0], Written()
    text: str | None
    if only_labels(best):
        text = guessed(labels_of(best), inscriptions(best.hit.item))
    else:
        statement = statement_of(best)
        if not statement or (best.hit.relevance < SURE and beside(question, statement)):
            yield from (NOT_FOUND, Draft(NOT_FOUND, (), abstained=True))
            return
        text = verdict(question, statement)
        if text is None:
            written, end = chat.complete(chat.form.messages(question, evidence), options)
            text = supported(written, question, statement)
    shown, citations, warnings = check(f"{text} [{best.marker}]", (best,))
    if history or options.instructions:
        warnings += (f"{chat.name} {ONLY_THE_QUESTION}",)
    yield shown
    yield Draft(shown, citations, warnings, usage=end.usage, finish=end.finish)


def write_json(
    chat: ChatModel,
    question: str,
    evidence: Sequence[Evidence],
    options: GenerationOptions,
    history: Sequence[Turn],
) -> Pieces:
    """What the model wrote by a JSON schema, untouched: a list of numbers looks like a marker.

    Its citations are the markers in its texts that point at evidence.
    """
    shown, end = "", Written()
    for piece in chat.stream(large_messages(question, evidence, history, options), options):
        if isinstance(piece, Written):
            end = piece
        else:
            shown += piece
            yield piece
    checked = Checked(evidence)
    for text in _texts(shown):
        checked.feed(text + "\n")
    checked.end()
    yield Draft(shown, checked.citations, checked.warnings, usage=end.usage, finish=end.finish)


def _texts(written: str) -> Iterator[str]:
    """All texts in some JSON, in their order; none where it was cut off."""
    try:
        waiting = [json.loads(written)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | dict):
            waiting += reversed(list(value.values()) if isinstance(value, dict) else value)


def _declines(text: str) -> bool:
    return NOT_FOUND.rstrip(".").casefold() in text.casefold()


Writer: TypeAlias = Callable[[ChatModel, str, Sequence[Evidence], GenerationOptions, Sequence[Turn]], Pieces]
WRITERS: Mapping[Literal["large", "small"], Writer] = {"large": write_large, "small": write_small}
