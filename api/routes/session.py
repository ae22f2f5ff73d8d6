"""Sessions: a web page exchanges its key for a cookie that no script can read."""

from __future__ import annotations

import time
from typing import Final, Literal

from fastapi import APIRouter, Request, Response

from api.deps import System, Who
from api.key_schemas import SessionOut
from api.security.credentials import COOKIE, csrf_token
from api.security.keyring import Keyring
from api.security.needs import KNOWN
from api.security.principal import Principal
from rag.errors import Conflict
from rag.records.types import RIGHTS

router = APIRouter(tags=["session"])

HOUR_S: Final = 3600.0
STRICT: Final[Literal["strict"]] = "strict"


@router.get("/session", operation_id="session", dependencies=[KNOWN])
async def session(who: Who) -> SessionOut:
    """Who asks: the tenant, the scopes of the key, and of a session its CSRF token."""
    return _told(who, who.session, None if who.let is None else who.let.until)


@router.post("/session", operation_id="open_session", dependencies=[KNOWN], status_code=201)
def open_session(request: Request, response: Response, olhar: System, who: Who) -> SessionOut:
    """Exchange the key of this request for a session: a cookie, and a token for what changes something."""
    if who.let is None or not olhar.settings.asks_for_keys:
        raise Conflict("this server asks for no key, so no session is needed")
    if who.session:
        raise Conflict("this is a session already; send the key itself to open another")
    try:
        secret, until = olhar.records.sessions.open(who.let, olhar.settings.session_hours * HOUR_S)
    except Conflict:
        _keyring(request).forget()
        raise
    response.set_cookie(
        COOKIE,
        secret,
        max_age=max(0, int(until - time.time())),
        path="/",
        secure=_https(request, olhar.settings.public_urls),
        httponly=True,
        samesite=STRICT,
    )
    return _told(who, secret, until)


@router.delete(
    "/session",
    operation_id="close_session",
    dependencies=[KNOWN],
    status_code=204,
    responses={204: {"description": "It has ended."}},
)
def close_session(request: Request, response: Response, olhar: System, who: Who) -> None:
    """End the session, and take its cookie away."""
    if not who.session:
        raise Conflict("this request has no session: it came with a key, or none is asked for")
    olhar.records.sessions.close(who.session)
    _keyring(request).forget()
    secure = _https(request, olhar.settings.public_urls)
    response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite=STRICT)


def _keyring(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


def _told(who: Principal, secret: str, until: float | None) -> SessionOut:
    return SessionOut(
        tenant=who.tenant,
        scopes=[right for right in RIGHTS if right in who.rights],
        key=who.key,
        csrf=csrf_token(secret) if secret else "",
        expires_at=until,
    )


def _https(request: Request, public_urls: str) -> bool:
    """Whether the browser came by TLS, also where the proxy does not say so."""
    host = request.headers.get("host", "").lower()
    return request.url.scheme == "https" or f"https://{host}" in public_urls.lower().split(",")
