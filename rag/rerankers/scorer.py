"""What every kind of reranking model has to be, and what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and what is known of one item. ``image`` is the SHA-256 of its picture, or empty."""

    question: str
    text: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it stands. ``digest`` fixes its weights; ``sees`` says that it looks at pictures."""

    digest: str
    device: str
    sees: bool = False


class Scorer(Protocol):
    """A model that scores pairs. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """As set by OLHAR_RERANKER."""

    def look(self) -> Model:
        """The model, without loading it. Raises ModelUnavailable when it cannot be had."""

    def load(self) -> Model:
        """The model, in memory. Takes the time that loading may take; raises ModelUnavailable."""

    def score(self, pairs: Sequence[Pair], seconds: float) -> Iterator[tuple[int, float | None]]:
        """Place and probability in [0, 1] of each pair, as they come, until all came or ``seconds`` passed.

        None stands for a pair that cannot be read. Raises ModelUnavailable.
        """

    def close(self) -> None: ...
