"""Which part of a request is invalid, as a path through what was sent."""

from __future__ import annotations

from collections.abc import Sequence


def path(location: Sequence[int | str], kind: str = "", body: object = None) -> str:
    """A location of pydantic's as ``input[0].content``; ``kind`` is the type of the error.

    Where a value may be of several forms, pydantic puts the name of the form it tried into the location. In
    ``body``, what was sent, is no such key: it is left out. Without a body the location is taken as it is.
    """
    parts = [part for part in location if part != "body"]
    if body is not None:
        parts = _sent(parts, kind, body)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _sent(parts: Sequence[int | str], kind: str, body: object) -> list[int | str]:
    found: list[int | str] = []
    for place, part in enumerate(parts):
        if _is_in(part, body):
            body = body[part]  # type: ignore[index]  # checked right above
        elif kind != "missing" or place < len(parts) - 1:
            continue
        found.append(part)
    return found


def _is_in(part: int | str, body: object) -> bool:
    if isinstance(part, int):
        return isinstance(body, list) and part < len(body)
    return isinstance(body, dict) and part in body
