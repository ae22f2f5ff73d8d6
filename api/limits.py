"""What is refused before a route sees it: too large a body, a foreign host, a foreign web page."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import SAFE_HEADERS, failure

MIB = 2**20
UPLOAD_FILES = 1000
"""Files in one upload."""
UPLOAD_S = 12 * 3600.0
"""Seconds that one upload may take. Files that came first are kept twice as long before they count as unused
(``ingest.reconcile``)."""
FIELD_BYTES = 16 * MIB
"""Bytes in one text field of a form; the descriptions of an upload are one."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


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


class Guard:
    """Keeps foreign web pages away from a server without keys.

    A page that points its own name at this machine (DNS rebinding) is known by its ``Host``, a page
    that posts here from elsewhere (CSRF) by its ``Origin``. ``hosts`` are the names allowed, without port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        origin = headers.get("origin")
        if _name(host) not in self.hosts:
            refusal = failure(
                scope["path"], 400, f"this server answers only to {', '.join(sorted(self.hosts))}"
            )
        elif origin is not None and origin.lower() != f"{scope['scheme']}://{host}":
            refusal = failure(scope["path"], 403, "requests from other web pages are refused")
        else:
            await self.app(scope, receive, _with_headers(send))
            return
        await refusal(scope, receive, send)


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
