"""Questions with the photos that answer them, from a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rag.errors import InvalidInput
from rag.protocols import Store
from rag.types import Item, Scope, Where

FORM: Final = 'each line is {"question": "…", "item": "<id>"} or {"question": "…", "source": "<file>"}'


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, and the id of the photo that answers it."""

    question: str
    item_id: str


def read_pairs(file: Path, store: Store, scope: Scope) -> tuple[list[Pair], list[str]]:
    """The pairs that can be used, and what is wrong with the other lines.

    Raises InvalidInput when the file cannot be read.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}; {FORM}") from None
    pairs: list[Pair] = []
    bad: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                pairs.append(_pair(line, store, scope))
            except InvalidInput as error:
                bad.append(f"line {number}: {error}")
    return pairs, bad


def _pair(line: str, store: Store, scope: Scope) -> Pair:
    try:
        fields = json.loads(line)
    except ValueError:
        raise InvalidInput(f"is no JSON; {FORM}") from None
    fields = fields if isinstance(fields, dict) else {}
    texts = [fields.get(key) for key in ("question", "item", "source")]
    question, item_id, source = (text.strip() if isinstance(text, str) else "" for text in texts)
    if not question or bool(item_id) == bool(source):
        raise InvalidInput(FORM)
    found = next(_items(store, scope, item_id, source), None)
    if found is None:
        raise InvalidInput(f"the collection {scope.collection!r} has no photo {item_id or source!r}")
    return Pair(question, found.id)


def _items(store: Store, scope: Scope, item_id: str, source: str) -> Iterator[Item]:
    if item_id:
        yield from store.get(scope, "image", [item_id])
    else:
        where = Where("sources", "contains", source)
        yield from (item for item in store.scan(scope, "image", where=where, limit=10) if not item.parent_id)
