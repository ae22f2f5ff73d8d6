"""Around every request: its id, its line in the log, its count."""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.telemetry import tracing
from api.telemetry.metrics import METRICS
from api.telemetry.request_ids import HEADER, REQUEST_ID, chosen

log: Final = logging.getLogger(__name__)
PROBES: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines: their lines are for ``debug``."""


class Requests:
    """An ASGI middleware; the outermost, so that it sees what the others refuse."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with tracing.request(headers) as finish:
            await self._observed(scope, receive, send, chosen(headers.get(HEADER, "")), finish)

    async def _observed(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, finish: tracing.Finish
    ) -> None:
        REQUEST_ID.set(request_id)  # each request has a context of its own
        started, status, told = time.perf_counter(), 500, False  # what no handler answers is a bug

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                _told(scope, status, time.perf_counter() - started)
                finish(scope["method"], template(scope), status)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                tell()  # before the client can ask what was told
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            tell()


def _told(scope: Scope, status: int, seconds: float) -> None:
    route = template(scope)
    METRICS.answered(scope["method"], route, status, seconds)
    level = logging.DEBUG if route in PROBES else logging.INFO
    told = {
        "method": scope["method"],
        "route": route or "none",
        "status": status,
        "ms": round(seconds * 1e3, 1),
    }
    log.log(level, "request", extra={"told": told})


def template(scope: Scope) -> str:
    """The template of the route that took the request, such as ``/v1/jobs/{job_id}``; empty when none did."""
    path: str = getattr(scope.get("route"), "path", "")
    return path
