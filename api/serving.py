"""Files over HTTP: conditional requests and ranges (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """What is served. ``etag`` is a strong one, without its quotes: equal ones have equal bytes.

    ``pieces`` gives the bytes from a place up to another; it is called for those alone that are sent.
    """

    etag: str
    size: int
    pieces: Callable[[int, int], Iterator[bytes]]
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def serve(request: Request, file: File) -> Response:
    """The file, the part of it that is asked for (206), or that the client has it already (304).

    Several ranges at once are answered with the whole file. Raises HTTPException 416 for a range beyond it.
    """
    headers = {**file.headers, "etag": f'"{file.etag}"', "accept-ranges": "bytes"}
    if names(request, "if-none-match", file.etag):
        return Response(status_code=304, headers=headers)
    part = _part(request, file)
    if part is None:
        headers["content-length"] = str(file.size)
        return StreamingResponse(file.pieces(0, file.size), 200, headers, file.media_type)
    start, end = part
    headers |= {"content-length": str(end - start), "content-range": f"bytes {start}-{end - 1}/{file.size}"}
    return StreamingResponse(file.pieces(start, end), 206, headers, file.media_type)


def names(request: Request, header: str, etag: str, *, strong: bool = False) -> bool:
    """Whether the header (``if-match``, ``if-none-match``) names this entity tag, or ``*``.

    ``strong`` passes over weak tags, as ``if-match`` has to (RFC 9110, section 8.8.3.2).
    """
    given = ",".join(request.headers.getlist(header))
    if given.strip() == "*":
        return True
    return any(tag == etag and not (strong and weak) for weak, tag in _TAG.findall(given))


def _part(request: Request, file: File) -> tuple[int, int] | None:
    """Start and end of the range that is asked for; None for all. What is no range asks for all."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    only_if = request.headers.get("if-range")
    if asked is None or not any(asked.groups()) or (only_if is not None and only_if != f'"{file.etag}"'):
        return None
    first, last = asked.groups()
    if not first:  # the last so many bytes
        start, end = max(file.size - int(last), 0), file.size
    else:
        start, end = int(first), min(int(last) + 1, file.size) if last else file.size
        if last and int(last) < int(first):
            return None
    if start >= file.size:
        raise HTTPException(
            416,
            f"there are {file.size} bytes, and none from {start} on",
            {"content-range": f"bytes */{file.size}"},
        )
    return start, end
