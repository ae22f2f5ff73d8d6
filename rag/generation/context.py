"""What a large model reads, within its tokens: instructions, the end of the conversation, evidence, pictures.

Everything has a share. The instructions and the question come first; then pictures, at most half of what is
left; the conversation at most a quarter; all the rest is for evidence, the best first. A piece that does not
fit is left out whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from rag.citations import without_markers
from rag.generation.capacity import Measure
from rag.generation.framing import cut, framed
from rag.generation.pictures import BLIND, Picture, Sight, chosen, named
from rag.generation.prompts import MAX_QUESTION, block, instructions, small_messages
from rag.questions import PLAIN
from rag.types import Evidence, GenerationOptions, Pixels, Shown, Turn

MESSAGE = 24
"""Tokens that a chat form puts around a message, at the most."""
PICTURES_SHARE = 0.5
HISTORY_SHARE = 0.25
WORTH_SHORTENING = 32
"""Tokens from which the beginning of an earlier turn is worth its place."""


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to be read."""

    question: str
    evidence: Sequence[Evidence]
    history: Sequence[Turn] = ()
    options: GenerationOptions = PLAIN
    pictures: Sequence[Pixels] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """The messages, the evidence that stands in them, how full they are, and the measure's scale then."""

    messages: tuple[BaseMessage, ...]
    evidence: tuple[Evidence, ...]
    shown: Shown
    scale: float


def assembled(material: Material, measure: Measure, wanted: int, sight: Sight = BLIND) -> Context:
    """As much as fits beside an answer of ``wanted`` tokens. Raises what ``measure`` does."""
    capacity, scale = measure.capacity(), measure.scale
    room = capacity.context - capacity.answer(wanted)
    told = instructions(material.options)
    asked = shortened(framed(material.question, MAX_QUESTION), room // 4, measure)
    left = room - measure.tokens(told) - measure.tokens(block([asked, "Question:"])) - 2 * MESSAGE
    most = min(sight.most, int(left * PICTURES_SHARE) // sight.tokens) if capacity.sees else 0
    pictures = chosen(sight, material.pictures, material.evidence, max(most, 0))
    left -= len(pictures) * sight.tokens + measure.tokens(named(pictures))
    turns, spent = _earlier(material.history, int(left * HISTORY_SHARE), measure)
    kept, lines, used = _fitting(material.evidence, left - spent, measure)
    last = "\n\n".join(part for part in (block(lines), named(pictures), f"Question: {asked}") if part)
    shown = Shown(
        evidence=len(kept),
        pictures=len(pictures),
        turns=len(turns),
        tokens=room - left + spent + used,
        room=room,
    )
    return Context((SystemMessage(told), *turns, _message(last, pictures)), kept, shown, scale)


def shortened(text: str, tokens: int, measure: Measure) -> str:
    """The text; a longer one up to the last whole word with which it fits, and a mark."""
    limit = len(text)
    while limit > 1 and (count := measure.tokens(text)) > tokens:
        limit = min(limit - 1, int(limit * tokens / count))
        text = cut(text, max(limit, 1))
    return text


def fitted(statement: str, question: str, room: int, measure: Measure) -> tuple[str, str]:
    """A statement and a question for a small model, so that both and the examples fit."""
    left = room - sum(measure.tokens(str(message.content)) + MESSAGE for message in small_messages("", ""))
    asked = shortened(framed(question, MAX_QUESTION), left // 3, measure)
    return shortened(statement, left - measure.tokens(asked), measure), asked


def _message(text: str, pictures: Sequence[Picture]) -> HumanMessage:
    if not pictures:
        return HumanMessage(text)
    return HumanMessage([{"type": "text", "text": text}, *(picture.part for picture in pictures)])


def _fitting(
    evidence: Sequence[Evidence], tokens: int, measure: Measure
) -> tuple[tuple[Evidence, ...], list[str], int]:
    """The pieces that fit, best first, their lines, and their tokens. If it has to be, the best is cut."""
    kept: list[Evidence] = []
    lines: list[str] = []
    used = 0
    for piece in evidence:
        line = f"[{piece.marker}] {framed(piece.text)}"
        cost = measure.tokens(line) + 1
        if used + cost > tokens and not kept:
            line = shortened(line, max(tokens - 1, WORTH_SHORTENING), measure)
            cost = measure.tokens(line) + 1
        elif used + cost > tokens:
            continue
        kept.append(piece)
        lines.append(line)
        used += cost
    return tuple(kept), lines, used


def _earlier(history: Sequence[Turn], tokens: int, measure: Measure) -> tuple[list[BaseMessage], int]:
    """The latest turns whole, the first that does not fit shortened, and their tokens.

    Their markers point at evidence of before, and are taken out.
    """
    kept: list[BaseMessage] = []
    used = 0
    for turn in reversed(history):
        text = framed(without_markers(turn.text), MAX_QUESTION)
        cost = measure.tokens(text) + MESSAGE
        if whole := used + cost <= tokens:
            used += cost
        elif (left := tokens - used - MESSAGE) >= WORTH_SHORTENING:
            text = shortened(text, left, measure)
            used += measure.tokens(text) + MESSAGE
        else:
            break
        make: Callable[[str], BaseMessage] = HumanMessage if turn.role == "user" else AIMessage
        kept.insert(0, make(text))
        if not whole:
            break
    return kept, used
