"""What a request brings along to say who sends it: a key, or the cookie of a session."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

from rag.records.keys import MARK

COOKIE: Final = "olhar_session"
CSRF: Final = "x-csrf-token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, which another web page may make a browser send."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """``key`` and ``session`` are secrets, empty where there is none; a key counts before a session."""

    key: str = field(default="", repr=False)
    session: str = field(default="", repr=False)

    @property
    def ours(self) -> bool:
        """Whether the key looks like one of Olhar's; clients that have to send some key send any word."""
        return self.key.startswith(MARK)


def credentials_of(scope: Scope) -> Credentials:
    """Those of ``X-API-Key``, of ``Authorization: Bearer``, or of the cookie, in this order."""
    request = HTTPConnection(scope)
    given = request.headers.get("x-api-key", "").strip() or _bearer(request.headers)
    if given or "cookie" not in request.headers:
        return Credentials(given)
    return Credentials(session=request.cookies.get(COOKIE, ""))


def csrf_token(session: str) -> str:
    """What has to be sent beside the cookie of a session; only who has the cookie can tell it."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()


def csrf_fits(scope: Scope, session: str) -> bool:
    """Whether the request may change something in the name of the session."""
    if scope["method"] in SAFE:
        return True
    given = HTTPConnection(scope).headers.get(CSRF, "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), csrf_token(session).encode())


def address_of(scope: Scope) -> str:
    """Where a request comes from; of IPv6 the network of 64 bits that one household has."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return str(host)[:64]
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # a socket of IPv6 tells so of clients of IPv4
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network(f"{address}/64", strict=False))
    return str(address)


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""
