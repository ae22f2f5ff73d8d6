"""How many conditions a filter makes: each is looked at for each item, so that many cost seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag.types import AllOf, AnyOf, Filter, FilterValue, Not, Where

MAX_CONDITIONS: Final = 400
"""Of a filter with all that a search adds to it."""


@dataclass(frozen=True, slots=True)
class Containing:
    """The list in ``field`` contains one of these values."""

    field: str
    values: tuple[FilterValue, ...]


def alternatives(part: AnyOf) -> list[Filter | Containing]:
    """The parts, those of an AnyOf among them in its place; ``contains`` makes one condition a field."""
    found: list[Filter | Containing] = []
    contained: dict[str, list[FilterValue]] = {}
    pending = list(reversed(part.parts))
    while pending:
        one = pending.pop()
        if isinstance(one, AnyOf):
            pending.extend(reversed(one.parts))
        elif isinstance(one, Where) and one.op == "contains":
            contained.setdefault(one.field, []).append(one.value)
        else:
            found.append(one)
    return found + [Containing(field, tuple(values)) for field, values in contained.items()]


def conditions(part: Filter | Containing) -> int:
    """Conditions after compiling. ``in`` counts once, except for metadata, where Milvus Lite has none."""
    if isinstance(part, Not):
        return conditions(part.part)
    if isinstance(part, AnyOf):
        return sum(map(conditions, alternatives(part)))
    if isinstance(part, AllOf):
        return sum(map(conditions, part.parts))
    if isinstance(part, Where) and part.op == "in" and part.field.startswith("metadata."):
        return len(part.value) if isinstance(part.value, Sequence) else 1
    return 1
