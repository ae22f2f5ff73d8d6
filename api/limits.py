"""Bodies that are too large are refused before a route sees them."""

from __future__ import annotations

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


def body_limit(path: str, max_bytes: int, upload_bytes: int) -> int:
    """The most bytes that the body of a request to ``path`` may have.

    ``max_bytes`` is the largest file, ``upload_bytes`` the largest upload; a picture in JSON takes 4/3 of its
    size in base64.
    """
    if is_upload(path):
        return max(upload_bytes, max_bytes + FIELD_BYTES)
    return max_bytes * 4 // 3 + MIB


def is_upload(path: str) -> bool:
    """Whether files are sent there."""
    return path.startswith("/v1/collections/") and path.endswith("/items")


class BodyLimit:
    """Refuses a body beyond the limit with 413: at once if its length is declared, else while reading."""

    def __init__(self, app: ASGIApp, max_bytes: int, upload_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = body_limit(scope["path"], self.max_bytes, self.upload_bytes)
        setting = "OLHAR_UPLOAD_BYTES" if is_upload(scope["path"]) else "OLHAR_MAX_BYTES"
        detail = f"the body is larger than {limit} bytes; send less at a time, or raise {setting}"
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
