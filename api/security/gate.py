"""The gate: who sends a request is found out before any of it is read; strangers are turned away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Refused, failure, told
from api.limits import is_upload
from api.security.allowance import Allowance
from api.security.buckets import Buckets, Taken
from api.security.credentials import address_of, credentials_of, csrf_fits
from api.security.keyring import Keyring
from api.security.ledger import Ledger
from api.security.principal import Principal, let_in, on_this_machine
from rag.build import Olhar
from rag.errors import OlharError
from rag.settings import Settings

OPEN_ALWAYS: Final = (r"^/docs(/|$)", r"^/openapi\.json$")
"""What describes the server to everybody; there is nothing of anybody in it."""
FORWARDED: Final = ("forwarded", "x-forwarded-for", "via")
"""What proxies add to the requests of others."""
HOW: Final = "send one as `Authorization: Bearer …` or `X-API-Key`; `olhar keys create` makes one"


class Gate:
    """Lets pass who has a good key, or everybody where none is asked for; ``open_paths`` always.

    Whoever passes stands in ``request.state.principal``. Requests are counted by key, wrong keys by address.
    """

    def __init__(
        self, app: ASGIApp, open_paths: Iterable[re.Pattern[str]], keyring: Keyring, ledger: Ledger
    ) -> None:
        self.app = app
        self._open = (*map(re.compile, OPEN_ALWAYS), *open_paths)
        self._keyring = keyring
        self._ledger = ledger
        self._requests = Buckets()
        self._failures = Buckets()
        self._allowance = Allowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        olhar: Olhar = scope["app"].state.olhar
        try:
            who = await self._who(scope, olhar.settings)
            taken = self._counted(who, olhar.settings)
        except Refused as error:
            answer = failure(
                scope["path"], error.status_code, error.detail, kind=error.kind, headers=error.headers
            )
        except OlharError as error:
            answer = told(scope["path"], error)
        else:
            scope.setdefault("state", {})["principal"] = who
            await self._through(scope, receive, send, who, taken)
            return
        await answer(scope, receive, send)

    async def _through(
        self, scope: Scope, receive: Receive, send: Send, who: Principal | None, taken: Taken | None
    ) -> None:
        state: dict[str, Any] = scope["state"]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Before the answer: what somebody was told stands in the log.
                await self._ledger.end(state, message["status"])
                if taken is not None:
                    headers = MutableHeaders(scope=message)
                    for name, value in taken.headers.items():
                        headers.setdefault(name, value)
            await send(message)

        try:
            if who is not None and who.let is not None and is_upload(scope["path"]):
                olhar = scope["app"].state.olhar
                await self._allowance.spend(self.app, scope, receive, sending, olhar, who.let.key)
            else:
                await self.app(scope, receive, sending)
        except BaseException:
            await self._ledger.end(state, 500)
            raise

    async def _who(self, scope: Scope, settings: Settings) -> Principal | None:
        """Who it is; None where nobody has to be known. Raises Refused and RecordsUnavailable.

        Where all is open nothing is looked at: a browser sends a cookie that has ended there too.
        """
        if any(path.match(scope["path"]) for path in self._open):
            return None
        given, asked_for = credentials_of(scope), settings.asks_for_keys
        if given.ours or (asked_for and given.key):
            return await self._by_key(scope, settings, given.key)
        if not asked_for:
            _not_forwarded(scope)
            return on_this_machine(settings)
        if given.session and (who := await self._by_session(scope, settings, given.session)):
            return who
        if given.session:
            raise _unknown("the session has ended; open another with a key (`POST /session`)")
        raise Refused(401, f"this needs a key: {HOW}", "no-key", _challenge())

    async def _by_key(self, scope: Scope, settings: Settings, secret: str) -> Principal:
        self._not_too_often(scope, settings, "key", known=self._keyring.knows(secret))
        let = await self._keyring.key(secret)
        if let is None:
            self._failed(scope, settings, "key")
            raise _unknown(f"the key is not known, was revoked, or has expired: {HOW}")
        return let_in(let)

    async def _by_session(self, scope: Scope, settings: Settings, secret: str) -> Principal | None:
        self._not_too_often(scope, settings, "session", known=self._keyring.knows(secret))
        let = await self._keyring.session(secret)
        if let is None:
            self._failed(scope, settings, "session")
            return None
        if not csrf_fits(scope, secret):
            raise Refused(
                403, "a session needs its X-CSRF-Token to change something (`GET /session` tells it)", "csrf"
            )
        return let_in(let, secret)

    def _failed(self, scope: Scope, settings: Settings, kind: str) -> None:
        limit = settings.failures_per_minute
        self._failures.take(f"{kind} {address_of(scope)}", limit, limit)

    def _not_too_often(self, scope: Scope, settings: Settings, kind: str, *, known: bool) -> None:
        """Who was let in lately is not kept out by what others at the same address send."""
        limit = settings.failures_per_minute
        if not known and self._failures.empty(f"{kind} {address_of(scope)}", limit, limit):
            raise Refused(
                429,
                "too many wrong keys came from this address; wait (OLHAR_FAILURES_PER_MINUTE)",
                "too-many-requests",
                {"retry-after": str(60 // limit + 1)},
            )

    def _counted(self, who: Principal | None, settings: Settings) -> Taken | None:
        """One request more; None where they are not counted. Raises Refused."""
        if who is None or who.let is None:
            return None
        own = who.let.key.requests_per_minute
        limit = settings.requests_per_minute if own is None else own
        if not limit:
            return None
        taken = self._requests.take(who.key, limit, min(settings.requests_burst, limit))
        if taken.wait_s:
            raise Refused(
                429,
                f"the key {who.key} may send {limit} requests a minute; wait {taken.wait_s:.0f} s "
                "(OLHAR_REQUESTS_PER_MINUTE, or the key's own number)",
                "too-many-requests",
                taken.headers,
            )
        return taken


def _not_forwarded(scope: Scope) -> None:
    """A proxy that nobody told of serves others than this machine, who would all get in. Raises Refused."""
    headers = Headers(scope=scope)
    if found := next((name for name in FORWARDED if name in headers), ""):
        raise Refused(
            403,
            f"this server asks nobody for a key, so it serves this machine alone; the request came through a "
            f"proxy ({found}). Name the proxy's address in OLHAR_PROXIES: then keys are asked for",
            "forwarded",
        )


def _unknown(detail: str) -> Refused:
    return Refused(401, detail, "invalid-api-key", _challenge('error="invalid_token"'))


def _challenge(more: str = "") -> Mapping[str, str]:
    return {"www-authenticate": ", ".join(filter(None, ('Bearer realm="olhar"', more)))}
