"""How much a model can read, counted in its own tokens where it tells them, and whether it can see."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol, TypeAlias

Sees: TypeAlias = Literal["auto", "on", "off"]
CONTEXT = 8192
"""Tokens of prompt and answer together, where neither the model nor the settings say less."""
REMEMBERED_S, SILENT_S = 300.0, 5.0
"""For how long what a server told of a model is believed, and that it told nothing."""
MOST_SCALE = 3.0
"""How much larger than estimated a count is believed to be: a server may report anything once."""
SHORT, KEPT = 400, 128
"""Letters of texts whose exact counts are remembered, and how many of those that were counted last."""
_PIECES = re.compile(r"[A-Za-z]+|[0-9]|[^\sA-Za-z0-9]")
_LETTERS, _LONG_LETTERS, _LONG = 2.5, 2.0, 12
"""Latin letters that make a token, on the mean of a word: real tokenizers take four to five in the language
that they were made for, fewer in others and in words from so many letters on, which are often made up."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """``context``: tokens of prompt and answer together; ``sees``: whether pictures can be sent along."""

    context: int = CONTEXT
    sees: bool = False

    def answer(self, wanted: int) -> int:
        """How many tokens an answer may have: what is wanted, at most half of all that the model takes in."""
        return min(wanted, self.context // 2)


UNKNOWN = Capacity()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow. ``sight``: whether pictures are sent; ``auto``: to models known to see."""

    context: int = CONTEXT
    sight: Sees = "auto"

    def of(self, context: int, *, sees: bool) -> Capacity:
        """Of a model with so many tokens (0: not known) that is known to see or not."""
        return Capacity(
            min(self.context, context or self.context), self.sight == "on" or (self.sight == "auto" and sees)
        )


UNLIMITED = Limits()


class Measure(Protocol):
    """Counts as a model does. Safe to use from several threads."""

    def capacity(self) -> Capacity:
        """What the model can take in."""

    def tokens(self, text: str) -> int:
        """How many tokens the text is, rather too many than too few."""

    @property
    def scale(self) -> float:
        """By how much counts are larger by now than before anything was learned."""

    def learn(self, counted_here: int, counted_there: int, scale: float) -> None:
        """What a prompt was, as counted here at that ``scale`` and by the model itself."""


def estimated(text: str) -> int:
    """Tokens of a text for a tokenizer that is not known: rather too many.

    The letters of each word by two or two and a half, every digit and sign, and the bytes of every other
    character, since a tokenizer that does not know a character falls back to its bytes.
    """
    return sum(_cost(piece) for piece in _PIECES.findall(text))


def _cost(piece: str) -> int:
    if len(piece) > 1 or piece.isascii():
        return math.ceil(len(piece) / (_LETTERS if len(piece) < _LONG else _LONG_LETTERS))
    # Letters with accents are common enough to share a token with their neighbours.
    return 1 if piece < "\u0250" else len(piece.encode("utf-8", "surrogatepass"))


class Estimate:
    """A ``Measure`` for models that do not count for others.

    ``ask`` tells what the model can do, and is asked again after REMEMBERED_S; when it gives None,
    ``otherwise`` is believed for SILENT_S. A count that turned out too small makes all later ones larger.
    """

    def __init__(
        self,
        ask: Callable[[], Capacity | None],
        count: Callable[[str], int] = estimated,
        otherwise: Capacity = UNKNOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._count = count
        self._otherwise = otherwise
        self._clock = clock
        self._known: tuple[float, Capacity] | None = None
        self._scale = 1.0
        self._lock = threading.Lock()

    def capacity(self) -> Capacity:
        """As the model's server told it last. Raises what ``ask`` does."""
        known = self._known
        if known is None or self._clock() > known[0]:
            told = self._ask()
            until = self._clock() + (SILENT_S if told is None else REMEMBERED_S)
            known = self._known = (until, told or self._otherwise)
        return known[1]

    def tokens(self, text: str) -> int:
        """The estimate, as far as it proved too small made larger."""
        return math.ceil(self._count(text) * self._scale)

    @property
    def scale(self) -> float:
        """1 at first, at most MOST_SCALE."""
        return self._scale

    def learn(self, counted_here: int, counted_there: int, scale: float) -> None:
        """Never makes counts smaller: a server may leave out what it had read before.

        Answers under way at the same time were counted at the same scale: each tells the same, and not more.
        """
        if counted_here > 0:
            with self._lock:
                needed = min(scale * counted_there / counted_here, MOST_SCALE)
                self._scale = max(self._scale, needed)


class Exact:
    """A ``Measure`` by the model's own tokenizer, which is asked once for what stands in every prompt."""

    def __init__(self, capacity: Capacity, count: Callable[[str], int]) -> None:
        self._capacity = capacity
        self._count = count
        self._kept = lru_cache(KEPT)(count)

    def capacity(self) -> Capacity:
        """What it was opened with."""
        return self._capacity

    def tokens(self, text: str) -> int:
        """By the tokenizer."""
        return self._kept(text) if len(text) <= SHORT else self._count(text)

    @property
    def scale(self) -> float:
        """Nothing is ever learned."""
        return 1.0

    def learn(self, counted_here: int, counted_there: int, scale: float) -> None:
        """There is nothing to learn."""
