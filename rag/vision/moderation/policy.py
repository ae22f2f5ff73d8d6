"""What is kept out, and what is done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Action: TypeAlias = Literal["allow", "flag", "quarantine", "reject"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
"""From the mildest to the most severe."""
THRESHOLD: Final = 0.3


@dataclass(frozen=True, slots=True)
class Category:
    """What pictures may be about. The nearest of its ``prompts`` counts; safe ones are never flagged."""

    name: str
    prompts: tuple[str, ...]
    unsafe: bool = True
    threshold: float = THRESHOLD
    action: Action = "flag"


@dataclass(frozen=True, slots=True)
class Policy:
    """Categories that compete in one softmax.

    ``scale``, from cosine to logit, is that of the encoder unless it is given; ``language`` is an ISO 639-1
    code.
    """

    name: str
    categories: tuple[Category, ...]
    language: Literal["en", "pt"] = "en"
    scale: float | None = None


def severest(actions: list[Action]) -> Action:
    """``allow`` of none."""
    return max(actions, key=ACTIONS.index, default="allow")
