"""How each class of models is made to answer: pieces as they come, and last the draft that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from rag.citations import NO_CITATION, Checked, check, without_markers
from rag.faults import BrokenStream, unavailable
from rag.generation.chat_models import ChatModel, Written
from rag.generation.choosing import AS_WELL, as_fitting, best
from rag.generation.context import Context, Material, assembled, fitted
from rag.generation.grounding import affirmed, beside, guessed, supported, verdict
from rag.generation.pictures import Sight
from rag.generation.prompts import inscriptions, labels_of, only_labels, small_messages, statement_of
from rag.generation.speech import Speech, declines, only_declines
from rag.types import NOT_FOUND, Draft, Evidence, Shown

SURE = 0.43
"""The relevance from which evidence is quoted even when it shares no word with the question: questions of
another wording about a passage or a caption have that much, and few that it does not answer."""

ONLY_THE_QUESTION = (
    "is too small for a conversation: earlier messages and instructions have no effect on how it writes; "
    "set OLHAR_LLM to a larger model"
)

Pieces: TypeAlias = Iterator[str | Draft]
"""Texts, and last the draft whose text they make."""


def write_large(chat: ChatModel, material: Material, sight: Sight) -> Pieces:
    """The model's own words with its own markers, those that point at nothing left out."""
    context = _context(chat, material, sight)
    speech, checked, end, shown = Speech(), Checked(context.evidence), Written(), ""
    for piece in chat.stream(context.messages, material.options):
        if isinstance(piece, Written):
            end = piece
        elif text := checked.feed(speech.feed(piece)):
            shown += text
            yield text
    rest = checked.feed(speech.end()) + checked.end()
    if not shown + rest:
        raise unavailable(BrokenStream("empty answer"), chat.place)
    abstained = _abstained(shown + rest, checked)
    citations = () if abstained else checked.citations
    if abstained and not shown:
        rest = NOT_FOUND
    if rest:
        yield rest
    warnings = tuple(said for said in checked.warnings if not (abstained and said == NO_CITATION))
    warnings += context.warnings
    _learn(chat, context, end)
    yield Draft(shown + rest, citations, warnings, abstained, end.usage, end.finish, context.shown)


def write_small(chat: ChatModel, material: Material, _: Sight) -> Pieces:
    """One sentence about the best evidence, which the program cites: nothing else was shown.

    It is shown once it was held against the evidence. The program answers by itself where small models only
    guess: from labels, and with yes or no. It abstains where the evidence shares no word with the question
    and is not surely relevant either.
    """
    question, end = material.question, Written()
    chosen = best(question, material.evidence)
    text: str | None
    if only_labels(chosen):
        text = guessed(labels_of(chosen), inscriptions(chosen.hit.item))
    else:
        chat.ready()
        room = chat.measure.capacity().context - chat.form.max_tokens
        statement, asked = fitted(statement_of(chosen), question, room, chat.measure)
        if not statement or (chosen.hit.relevance < SURE and beside(question, statement)):
            yield from (NOT_FOUND, Draft(NOT_FOUND, (), abstained=True))
            return
        text = verdict(question, statement)
        if text is None:
            written, end = chat.complete(small_messages(asked, statement), material.options)
            text = supported(written, question, statement)
    shown, citations, warnings = check(f"{text} [{chosen.marker}]", (chosen,))
    if not affirmed(text):
        warnings += _others(chosen, as_fitting(question, chosen, material.evidence))
    if material.history or material.options.instructions:
        warnings += (f"{chat.name} {ONLY_THE_QUESTION}",)
    yield shown
    told = Shown(evidence=1, tokens=end.usage.prompt_tokens, room=chat.measure.capacity().context)
    yield Draft(shown, citations, warnings, usage=end.usage, finish=end.finish, shown=told)


def _context(chat: ChatModel, material: Material, sight: Sight) -> Context:
    chat.ready()
    wanted = material.options.max_tokens or chat.form.max_tokens
    return assembled(material, chat.measure, wanted, sight)


def _learn(chat: ChatModel, context: Context, end: Written) -> None:
    """How good the count was; of pictures too little is known to tell."""
    if not context.shown.pictures:
        chat.measure.learn(context.shown.tokens, end.usage.prompt_tokens, context.scale)


def _others(chosen: Evidence, others: Sequence[Evidence]) -> tuple[str, ...]:
    """What to tell of pieces that the question may have meant as well."""
    if not others:
        return ()
    markers, fits = ", ".join(f"[{piece.marker}]" for piece in others), "fits" if len(others) == 1 else "fit"
    return (f"{markers} {fits} {AS_WELL} [{chosen.marker}] alone",)


def write_json(chat: ChatModel, material: Material, sight: Sight) -> Pieces:
    """What the model wrote by a JSON schema, untouched: a list of numbers looks like a marker.

    Its citations are the markers in its texts that point at evidence.
    """
    context = _context(chat, material, sight)
    shown, end = "", Written()
    for piece in chat.stream(context.messages, material.options):
        if isinstance(piece, Written):
            end = piece
        else:
            shown += piece
            yield piece
    _learn(chat, context, end)
    checked = Checked(context.evidence)
    for text in _texts(shown):
        checked.feed(text + "\n")
    checked.end()
    yield Draft(
        shown,
        checked.citations,
        checked.warnings + context.warnings,
        usage=end.usage,
        finish=end.finish,
        shown=context.shown,
    )


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


def _abstained(text: str, checked: Checked) -> bool:
    """Whether the model found no answer, whatever it put behind that as its source."""
    return only_declines(without_markers(text)) or (not checked.citations and declines(text))


Writer: TypeAlias = Callable[[ChatModel, Material, Sight], Pieces]
WRITERS: Mapping[Literal["large", "small"], Writer] = {"large": write_large, "small": write_small}
