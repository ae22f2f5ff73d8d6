"""Times in filters: ISO 8601 dates (UTC) of any precision, as spans of Unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from rag.errors import InvalidInput
from rag.types import AllOf, Filter, Not, Where

TIMES: Final = {
    "taken": "taken_at",
    "added": "created_at",
    "changed": "updated_at",
    "taken_at": "taken_at",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""Names of times, and the fields that hold them."""
FIELDS: Final = frozenset(TIMES.values())
FORMS: Final = "2024, 2024-05, 2024-05-17, 2024-05-17T14:30 or 2024-05-17T14:30:05+01:00"

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def span(text: str) -> tuple[int, int]:
    """First second of what a date or time names, and the first one after it. Raises InvalidInput.

    ``2024`` is a year, ``2024-05`` a month, ``2024-05-17`` a day, ``2024-05-17T14:30`` a minute.
    """
    try:
        start, end = _clock(text) if _CLOCK.fullmatch(text) else _date(text)
        return int(start.timestamp()), int(end.timestamp())
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is no time; write {FORMS} (UTC)") from None


def during(field: str, sign: Literal[":", "=", "<", "<=", ">", ">=", "!="], text: str) -> Filter:
    """Holds where the time in ``field`` is known and in, before or after what ``text`` names.

    With ``:`` the text may be a range, ``2023..2024-06``, both ends included or left out (``2023..``).
    Raises InvalidInput.
    """
    if sign == ":" and ".." in text:
        first, _, last = text.partition("..")
        if not first and not last:
            raise InvalidInput("a range needs a beginning or an end, as in 2023..2024")
        return _between(field, span(first)[0] if first else None, span(last)[1] if last else None)
    start, end = span(text)
    if sign == "!=":
        return Not(_between(field, start, end))
    bounds = {"<": (None, start), "<=": (None, end), ">": (end, None), ">=": (start, None)}
    return _between(field, *bounds.get(sign, (start, end)))


def _between(field: str, start: int | None, end: int | None) -> Filter:
    """From ``start`` to before ``end``. 0 is a time that nobody knows."""
    parts = [] if start is None else [Where(field, "ge", start)]
    if end is not None:
        parts.append(Where(field, "lt", end))
    if start is None or start <= 0:
        parts.append(Where(field, "ne", 0))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _clock(text: str) -> tuple[datetime, datetime]:
    time = datetime.fromisoformat(text)
    start = time if time.tzinfo else time.replace(tzinfo=UTC)
    return start, start + (timedelta(seconds=1) if text[16:17] == ":" else timedelta(minutes=1))


def _date(text: str) -> tuple[datetime, datetime]:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day = (int(part) if part else 0 for part in found.groups())
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        return start, start + timedelta(days=1)
    after = (year + month // 12, month % 12 + 1) if month else (year + 1, 1)
    return start, datetime(*after, 1, tzinfo=UTC)
