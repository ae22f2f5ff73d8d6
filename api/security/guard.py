"""By which names the server may be asked, by which web pages, and the headers of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import SAFE_HEADERS, failure
from api.security.credentials import CSRF
from rag.settings import Settings

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
KEPT: Final = ("/docs",)
"""Below these nothing is anybody's own: browsers may keep it."""
CORS_HEADERS: Final = (
    "authorization",
    "x-api-key",
    "content-type",
    "last-event-id",
    "x-request-id",
    "if-match",
    "if-none-match",
    "range",
    CSRF,
)


@dataclass(frozen=True, slots=True)
class Own:
    """Names of this server, without port, and origins of web pages that may ask it, all in lower case."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Own:
        """Those of this machine and of the settings."""
        public = origins(settings.public_urls)
        names = {_name(urlsplit(url).netloc.lower()) for url in public}
        return cls(LOOPBACK | {_as_host(settings.host)} | names, public | origins(settings.cors_origins))


def origins(text: str) -> frozenset[str]:
    """The origins of a setting, in lower case."""
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def cors(settings: Settings) -> dict[str, Any]:
    """Pages of OLHAR_CORS_ORIGINS may ask with a key; with the cookie of a session only the server's own."""
    return {
        "allow_origins": sorted(origins(settings.cors_origins)),
        "allow_methods": ["GET", "POST", "PATCH", "DELETE"],
        "allow_headers": CORS_HEADERS,
        "expose_headers": ["retry-after", "ratelimit", "ratelimit-policy", "x-request-id", "etag"],
        "max_age": 600,
    }


class Guard:
    """Keeps foreign web pages away, and gives every answer its headers.

    A page that points its own name at this machine (DNS rebinding) is known by its ``Host``, a page
    that posts here from elsewhere (CSRF) by its ``Origin``. An address that the request came in by is a name
    of the server: rebinding needs a name.
    """

    def __init__(self, app: ASGIApp, own: Own) -> None:
        self.app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        origin = headers.get("origin", "").lower()
        if _name(host) not in self._own.hosts and _name(host) != _reached(scope):
            detail = f"this server answers only to {', '.join(sorted(self._own.hosts))} (OLHAR_PUBLIC_URLS)"
            refusal = failure(scope["path"], 400, detail)
        elif origin and origin != f"{scope['scheme']}://{host}" and origin not in self._own.origins:
            detail = "requests from other web pages are refused (OLHAR_CORS_ORIGINS)"
            refusal = failure(scope["path"], 403, detail)
        else:
            await self.app(scope, receive, _with_headers(send, scope["path"]))
            return
        await refusal(scope, receive, send)


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _as_host(address: str) -> str:
    """As it stands in ``Host``; of IPv4 that came in by a socket of IPv6, that of IPv4."""
    address = address.lower().removeprefix("::ffff:") if "." in address else address.lower()
    return f"[{address}]" if ":" in address else address


def _reached(scope: Scope) -> str:
    """The address of this machine that the connection came in by."""
    return _as_host((scope.get("server") or ("",))[0] or "")


def _with_headers(send: Send, path: str) -> Send:
    kept = any(path == base or path.startswith(f"{base}/") for base in KEPT)
    own: Mapping[str, str] = {k: v for k, v in SAFE_HEADERS.items() if not kept or k != "cache-control"}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in own.items():
                headers.setdefault(name, value)
            if SAFE_HEADERS["vary"] not in headers["vary"]:
                headers.add_vary_header(SAFE_HEADERS["vary"])
        await send(message)

    return sending
