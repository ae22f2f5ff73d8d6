"""The options of ``olhar items edit``, as changes of an item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any

from rag.errors import InvalidInput


class Part(Enum):
    """What of an item a person may say."""

    CAPTION = "caption"
    TAGS = "tags"
    METADATA = "metadata"


def changes(
    caption: str | None,
    tags: Sequence[str] | None,
    *,
    no_tags: bool,
    set_: Sequence[str] | None,
    unset: Sequence[str] | None,
    revert: Sequence[Part] | None,
) -> dict[str, Any]:
    """As the body of PATCH /v1/items. Raises InvalidInput for nothing, and for two things at once."""
    metadata = {**dict(map(_pair, set_ or ())), **dict.fromkeys(unset or ())}
    said: list[tuple[str, Any]] = []
    said += [("caption", caption)] if caption is not None else []
    said += [("tags", list(tags))] if tags else []
    said += [("tags", [])] if no_tags else []
    said += [("metadata", metadata)] if metadata else []
    said += [(part.value, None) for part in dict.fromkeys(revert or ())]
    names = [name for name, _ in said]
    if not names:
        raise InvalidInput("nothing to change: give --caption, --tag, --set, --unset or --revert")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"two things are said of the {' and the '.join(twice)}; give one")
    return dict(said)


def _pair(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise InvalidInput(f"--set {text}: write KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
