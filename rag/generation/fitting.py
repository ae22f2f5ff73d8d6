"""Texts and conversations made to fit into so many tokens of a model's own count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import dropwhile, groupby

from rag.generation.capacity import Measure
from rag.generation.framing import cut
from rag.types import Turn

MESSAGE = 24
"""Tokens that a chat form puts around a message, at the most."""
WORTH_SHORTENING = 32
"""Tokens from which the beginning of a text is worth its place."""


def shortened(text: str, tokens: int, measure: Measure) -> str:
    """The text; a longer one up to the last whole word with which it fits, and a mark."""
    limit = len(text)
    while limit > 1 and (count := measure.tokens(text)) > tokens:
        limit = min(limit - 1, int(limit * tokens / count))
        text = cut(text, max(limit, 1))
    return text


def latest(newest_first: Iterable[Turn], tokens: int, measure: Measure, around: int = MESSAGE) -> list[Turn]:
    """The latest turns whole, in their order, and the first that does not fit shortened.

    ``around``: tokens that a turn costs beside those of its text.
    """
    kept: list[Turn] = []
    left = tokens
    for turn in newest_first:
        left -= measure.tokens(turn.text) + around
        if left >= 0:
            kept.insert(0, turn)
            continue
        # What there was before this turn, which took too much.
        room = left + measure.tokens(turn.text)
        if room >= WORTH_SHORTENING:
            kept.insert(0, replace(turn, text=shortened(turn.text, room, measure)))
        break
    return kept


def begun_by_user(turns: Iterable[Turn]) -> list[Turn]:
    """Without answers whose question is not there: many models refuse a conversation that begins with one."""
    return list(dropwhile(lambda turn: turn.role != "user", turns))


def alternating(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbours of one role as one turn: many models refuse two in a row."""
    return [
        Turn(role, "\n".join(turn.text for turn in same))
        for role, same in groupby(turns, lambda turn: turn.role)
    ]
