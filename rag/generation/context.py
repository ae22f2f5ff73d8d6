"""What a large model reads, within its tokens: instructions, the end of the conversation, evidence, pictures.

Everything has a share. The program's own instructions come first; those of the application and the question
have at most a quarter each of what is left, then pictures half, the conversation a quarter; all the rest is
for evidence, the best first. A piece that does not fit is left out whole, and its picture with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from rag.citations import without_markers
from rag.errors import ModelUnavailable
from rag.generation.capacity import Measure
from rag.generation.fitting import (
    MESSAGE,
    WORTH_SHORTENING,
    alternating,
    begun_by_user,
    latest,
    shortened,
)
from rag.generation.framing import cut, framed
from rag.generation.pictures import BLIND, Picture, Sight, chosen, named, reserved
from rag.generation.prompts import MAX_INSTRUCTIONS, MAX_QUESTION, block, instructions, small_messages
from rag.questions import PLAIN
from rag.types import Evidence, GenerationOptions, Pixels, Shown, Turn

PICTURES_SHARE = 0.5
HISTORY_SHARE = 0.25


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
    warnings: tuple[str, ...] = ()


def assembled(material: Material, measure: Measure, wanted: int, sight: Sight = BLIND) -> Context:
    """As much as fits beside an answer of ``wanted`` tokens.

    Raises ModelUnavailable where not even the beginning of the best piece does, and what ``measure`` does.
    """
    capacity, scale = measure.capacity(), measure.scale
    room = capacity.context - capacity.answer(wanted)
    told, asked, warnings = _asked(material, room, measure)
    left = room - measure.tokens(told) - measure.tokens(block([asked, "Question:"])) - 2 * MESSAGE
    spare = left - WORTH_SHORTENING - 1
    if spare < 0:
        raise _too_small(room)
    most = reserved(sight, material.pictures, material.evidence, int(spare * PICTURES_SHARE))
    most = most if capacity.sees else 0
    held = most * sight.tokens + measure.tokens(named([Picture.asked()] * most))
    turns = _earlier(material.history, int((spare - held) * HISTORY_SHARE), measure)
    used = sum(measure.tokens(turn.text) + MESSAGE for turn in turns)
    lines: dict[int, str] = {}
    used += _fit(material.evidence, left - held - used, measure, lines)
    shown = [piece for piece in material.evidence if piece.marker in lines]
    pictures = chosen(sight, material.pictures, shown, most)
    used += len(pictures) * sight.tokens + measure.tokens(named(pictures))
    if len(pictures) < most:
        used += _fit(material.evidence, left - used, measure, lines)
    kept = tuple(piece for piece in material.evidence if piece.marker in lines)
    text = block([lines[piece.marker] for piece in kept])
    last = "\n\n".join(part for part in (text, named(pictures), f"Question: {asked}") if part)
    full = Shown(len(kept), len(pictures), len(turns), tokens=room - left + used, room=room)
    return Context(_messages(told, turns, last, pictures), kept, full, scale, warnings)


def _asked(material: Material, room: int, measure: Measure) -> tuple[str, str, tuple[str, ...]]:
    """All instructions and the question, and a warning where the application's instructions were cut."""
    own, theirs = replace(material.options, instructions=""), material.options.instructions
    quarter = (room - measure.tokens(instructions(own))) // 4
    kept = shortened(cut(theirs, MAX_INSTRUCTIONS), quarter, measure)
    warning = (
        f"the instructions were cut after {len(kept)} of {len(theirs)} characters; shorten them, or raise "
        "OLHAR_LLM_CONTEXT for a model that takes in more"
    )
    asked = shortened(framed(material.question, MAX_QUESTION), quarter, measure)
    return instructions(replace(own, instructions=kept)), asked, (warning,) if kept != theirs else ()


def _too_small(room: int) -> ModelUnavailable:
    error = ModelUnavailable(
        f"OLHAR_LLM_CONTEXT: a prompt of {max(room, 0)} tokens has no place for evidence beside instructions "
        "and question; raise it, ask for fewer max_tokens, or set OLHAR_LLM to a model that takes in more"
    )
    error.retryable = False
    return error


def fitted(statement: str, question: str, room: int, measure: Measure) -> tuple[str, str]:
    """A statement and a question for a small model, so that both and the examples fit."""
    left = room - sum(measure.tokens(str(message.content)) + MESSAGE for message in small_messages("", ""))
    asked = shortened(framed(question, MAX_QUESTION), left // 3, measure)
    return shortened(statement, left - measure.tokens(asked), measure), asked


def _messages(
    told: str, turns: Sequence[Turn], last: str, pictures: Sequence[Picture]
) -> tuple[BaseMessage, ...]:
    """Instructions, the conversation, and the question, whose role is that of no message right before it."""
    *earlier, asked = alternating([*turns, Turn("user", last)])
    text = asked.text
    content: list[str | dict[str, Any]] = [{"type": "text", "text": text}, *(one.part for one in pictures)]
    said = [HumanMessage(turn.text) if turn.role == "user" else AIMessage(turn.text) for turn in earlier]
    return (SystemMessage(told), *said, HumanMessage(content if pictures else text))


def _fit(evidence: Sequence[Evidence], tokens: int, measure: Measure, lines: dict[int, str]) -> int:
    """Add to ``lines``, by marker, those of the pieces that fit, best first; how many tokens they take.

    If it has to be, the best is cut.
    """
    used = 0
    for piece in evidence:
        if piece.marker in lines:
            continue
        line = f"[{piece.marker}] {framed(piece.text)}"
        cost = measure.tokens(line) + 1
        if used + cost > tokens and not lines:
            line = shortened(line, tokens - 1, measure)
            cost = measure.tokens(line) + 1
        elif used + cost > tokens:
            continue
        lines[piece.marker] = line
        used += cost
    return used


def _earlier(history: Sequence[Turn], tokens: int, measure: Measure) -> list[Turn]:
    """The latest turns that fit. Their markers point at evidence of before, and are taken out."""
    newest_first = (
        replace(turn, text=framed(without_markers(turn.text), MAX_QUESTION)) for turn in reversed(history)
    )
    return begun_by_user(latest(newest_first, tokens, measure))
