"""Puts down in the audit log what a request is about to change, and how that ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import Request
from fastapi.routing import APIRoute

from api.security.credentials import SAFE, address_of
from api.security.principal import Principal
from api.telemetry.request_ids import REQUEST_ID
from rag.build import Olhar
from rag.errors import OlharError

logger = logging.getLogger(__name__)

NAME: Final = "audited"
MADE: Final = "made"
THREADS: Final = 4
LONGEST: Final = 500
"""Characters of a path or a target that are kept."""
TIDY_S: Final = 3600.0
DAY_S: Final = 86_400


def name_target(request: Request, target: str) -> None:
    """Say what came of the request where its path cannot: the entry then names it as its target."""
    setattr(request.state, MADE, target)


class Ledger:
    """Entries of requests under way, by their state. What is older than OLHAR_AUDIT_DAYS goes every hour."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._threads = CapacityLimiter(THREADS)
        self._tidied_at = float("-inf")

    async def begin(self, request: Request, who: Principal, *, looking: bool = False) -> None:
        """Put it down, if it is to change something, or with ``looking`` in any case; before it is begun.

        Raises RecordsUnavailable.
        """
        if request.method in SAFE and not looking:
            return
        olhar: Olhar = request.app.state.olhar
        route, params = request.scope.get("route"), dict(request.path_params)
        collection = params.pop("name", "") or request.query_params.get("collection", "")
        if not collection and "item_id" in params:
            collection = olhar.settings.collection
        target = [*map(str, params.values()), request.query_params.get("source", "")]
        values = {
            "key": who.key,
            "collection": _kept(collection),
            "target": _kept("/".join(filter(None, target))),
            "address": address_of(request.scope),
            "request_id": REQUEST_ID.get("")[:LONGEST],
        }
        operation = (route.operation_id if isinstance(route, APIRoute) else None) or request.method
        number = await to_thread.run_sync(
            lambda: self._begin(olhar, who.tenant, operation, _kept(request.url.path), values),
            limiter=self._threads,
        )
        setattr(request.state, NAME, (olhar, number))

    async def end(self, state: MutableMapping[str, Any], status: int) -> None:
        """How it ended, if it was put down; once. What cannot be written is told in the server's log."""
        found: tuple[Olhar, int] | None = state.pop(NAME, None)
        if found is None:
            return
        olhar, number = found
        made = _kept(state.pop(MADE, ""))
        try:
            with CancelScope(shield=True):
                await to_thread.run_sync(
                    lambda: olhar.records.audit.end(number, status, made), limiter=self._threads
                )
        except OlharError as error:
            logger.error("the audit log does not say how entry %d ended (%d): %s", number, status, error)

    def _begin(self, olhar: Olhar, tenant: str, operation: str, path: str, values: dict[str, str]) -> int:
        audit = olhar.records.audit
        if self._elapsed() - self._tidied_at >= TIDY_S:
            self._tidied_at = self._elapsed()
            audit.forget(olhar.settings.audit_days * DAY_S)
        return audit.begin(tenant, operation, path, **values)


def _kept(text: str) -> str:
    """As it stands in the log: databases keep no NUL, and what asks for one is put down all the same."""
    return text.replace("\0", "")[:LONGEST]
