"""Pictures that are sent along to a model that sees: the question's own, and those of the evidence."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rag.images import jpeg
from rag.types import Evidence, Pixels

PATCH = 28
"""Pixels of an edge that a model takes for one token; most take 28 or 32, the older ones a fixed 576."""
LEAST_TOKENS = 576
ASKED_WITH = "the question's picture"


@dataclass(frozen=True, slots=True)
class Sight:
    """``most`` pictures at a time, their longer edge at most ``edge`` pixels; ``get`` finds one by SHA-256.

    None from ``get``: it cannot be had, and the model has to do with what is written of it.
    """

    get: Callable[[str], Pixels | None] = lambda _: None
    most: int = 0
    edge: int = 768

    @property
    def tokens(self) -> int:
        """What a picture costs, rather too many."""
        return max(LEAST_TOKENS, math.ceil(self.edge / PATCH) ** 2)


BLIND = Sight()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with the name that the prompt calls it by: its marker, or that it came with the question."""

    name: str
    url: str = ""

    @classmethod
    def asked(cls) -> Picture:
        """The one that came with the question, which has the longest name."""
        return cls(ASKED_WITH)

    @property
    def part(self) -> dict[str, Any]:
        """As LangChain's chat models take it in a message."""
        return {"type": "image_url", "image_url": {"url": self.url}}


def chosen(
    sight: Sight, asked: Sequence[Pixels], evidence: Sequence[Evidence], most: int
) -> tuple[Picture, ...]:
    """At most ``most`` pictures: those of the question, then those of the evidence in its order."""
    found: list[Picture] = []
    for name, pixels in _candidates(sight, asked, evidence):
        if len(found) >= most:
            break
        if pixels is not None:
            found.append(Picture(name, _data_uri(pixels, sight.edge)))
    return tuple(found)


def reserved(sight: Sight, asked: Sequence[Pixels], evidence: Sequence[Evidence], tokens: int) -> int:
    """How many pictures there may be to send within so many tokens."""
    there = len(asked) + sum(piece.hit.item.kind == "image" for piece in evidence)
    return max(min(sight.most, tokens // sight.tokens, there), 0)


def named(pictures: Sequence[Picture]) -> str:
    """The line of the prompt that says which picture is which; empty without any."""
    names = ", ".join(picture.name for picture in pictures)
    return f"Pictures sent along, in this order: {names}." if names else ""


def _candidates(
    sight: Sight, asked: Sequence[Pixels], evidence: Sequence[Evidence]
) -> Iterator[tuple[str, Pixels | None]]:
    yield from ((ASKED_WITH, pixels) for pixels in asked)
    for piece in evidence:
        if piece.hit.item.kind == "image":
            yield f"[{piece.marker}]", sight.get(piece.hit.item.content_hash)


def _data_uri(pixels: Pixels, edge: int) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(pixels, edge)).decode()
