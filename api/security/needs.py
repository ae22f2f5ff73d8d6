"""What a route asks of whoever calls it: declared with the route, ``dependencies=[READ]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute

from api.errors import Refused
from api.security.principal import Principal
from rag.records.types import Right


class Needs:
    """A dependency that lets pass only who may do ``right``; None: anybody who is known.

    What is to change something is put down in the audit log, also when it is refused; ``audited`` says so of
    a route by itself, else it is what asks for more than ``read`` and is no GET.
    Raises Refused (403) with the right that is missing (RFC 6750, 3.1).
    """

    def __init__(self, right: Right | None, *, audited: bool | None = None) -> None:
        self.right = right
        self._looking = audited is True
        self._audited = right != "read" if audited is None else audited

    async def __call__(self, request: Request) -> None:
        who = principal_of(request)
        if self._audited:
            await request.app.state.ledger.begin(request, who, looking=self._looking)
        if self.right is not None and not who.may(self.right):
            raise Refused(
                403,
                f"this needs a key with the scope {self.right!r}; that of {who.key} has "
                f"{', '.join(sorted(who.rights)) or 'none'}",
                "insufficient-scope",
                {"www-authenticate": f'Bearer error="insufficient_scope", scope="{self.right}"'},
            )


async def _open() -> None:
    """Nothing is asked."""


READ: Final = Depends(Needs("read"))
"""Looks at what the tenant has, and changes nothing."""
AUDITED_READ: Final = Depends(Needs("read", audited=True))
"""As READ, but what comes of it stays: an opinion, or a link that is good without a key."""
WRITE: Final = Depends(Needs("write"))
"""Changes items and jobs."""
AUDITED_WRITE: Final = Depends(Needs("write", audited=True))
"""As WRITE, of what is only looked at: who did is put down as well."""
ADMIN: Final = Depends(Needs("admin"))
"""Deletes collections, repairs, manages keys, reads the audit log."""
KNOWN: Final = Depends(Needs(None))
"""Any key will do."""
OPEN: Final = Depends(_open)
"""No key is asked for: only for what tells nothing of anybody, or for a link that is a key itself."""


def principal_of(request: Request) -> Principal:
    """Who asks, as the gate found it. Raises Refused where it let everybody pass."""
    found: Principal | None = request.state.principal
    if found is None:
        raise Refused(401, "this needs a key", "no-key", {"www-authenticate": 'Bearer realm="olhar"'})
    return found


def declared(route: APIRoute) -> Right | None:
    """What the route needs; None: any key, or nothing (``is_open``). Raises RuntimeError if it is silent."""
    for dependency in _dependencies(route):
        if isinstance(dependency, Needs):
            return dependency.right
    if not is_open(route):
        raise RuntimeError(
            f"the route {route.operation_id or route.path} does not say what it needs: "
            "give it dependencies=[READ], [AUDITED_READ], [WRITE], [AUDITED_WRITE], [ADMIN], [KNOWN] or "
            "[OPEN] of api.security.needs"
        )
    return None


def is_open(route: APIRoute) -> bool:
    """Whether no key is asked for."""
    return _open in _dependencies(route)


def routes(routers: Iterable[APIRouter]) -> Iterator[APIRoute]:
    """All routes of these."""
    for router in routers:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def _dependencies(route: APIRoute) -> list[object]:
    return [given.dependency for given in route.dependencies if isinstance(given, Dependency)]
