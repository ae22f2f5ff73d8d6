"""Bodies that are too large are refused before a route sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import failure

MIB = 2**20
UPLOAD_FILES = 1000
"""Files in one upload."""
UPLOAD_S = 12 * 3600.0
"""Seconds that one upload may take. Files that came first are kept twice as long before they count as unused
(``ingest.reconcile``)."""
FIELD_BYTES = 16 * MIB
"""Bytes in one text field of a form; the descriptions of an upload are one."""
SMALL_BYTES = 4 * MIB
"""Bytes in a body that holds no picture. FastAPI parses it while all other requests wait."""


def body_limit(max_bytes: int) -> int:
    """The most bytes in a body with a picture of ``max_bytes``, which takes 4/3 of them in base64."""
    return max_bytes * 4 // 3 + MIB


def is_large(route: APIRoute) -> bool:
    """Whether the body may hold pictures: only then the route reads it itself, off the event loop."""
    return "requestBody" in (route.openapi_extra or {})


def is_upload(path: str) -> bool:
    """Whether files are sent there."""
    return path.startswith("/v1/collections/") and path.endswith("/items")


class BodyLimit:
    """Refuses a body beyond the limit with 413: at once if its length is declared, else while reading.

    ``max_bytes`` is the largest file, ``upload_bytes`` the largest upload; bodies at ``large_paths`` may hold
    pictures.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, upload_bytes: int, large_paths: Iterable[re.Pattern[str]]
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.upload_bytes = upload_bytes
        self.large_paths = tuple(large_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, remedy = self._limit(scope["path"])
        detail = f"the body is larger than {limit} bytes; {remedy}"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await failure(scope["path"], 413, detail)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, detail)
            return message

        await self.app(scope, counted, send)

    def _limit(self, path: str) -> tuple[int, str]:
        if is_upload(path):
            most = max(self.upload_bytes, self.max_bytes + FIELD_BYTES)
            return most, "send less at a time, or raise OLHAR_UPLOAD_BYTES"
        if any(large.match(path) for large in self.large_paths):
            return body_limit(self.max_bytes), "send less at a time, or raise OLHAR_MAX_BYTES"
        return SMALL_BYTES, "send less at a time"
