"""What a route can ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from api.administration import Administration
from api.apart import Apart
from api.conversations import Conversations
from api.security.needs import principal_of
from api.security.principal import Principal
from ingest.queue import Queue
from rag.build import Olhar
from rag.settings import Name
from rag.types import Scope


async def _olhar(request: Request) -> Olhar:  # not a plain `def`: that would wait for a free thread
    olhar: Olhar = request.app.state.olhar
    return olhar


System = Annotated[Olhar, Depends(_olhar)]
"""The built system that this server serves."""


async def _queue(request: Request) -> Queue:
    queue: Queue = request.app.state.queue
    return queue


Jobs = Annotated[Queue, Depends(_queue)]
"""The jobs of this server."""


async def _who(request: Request) -> Principal:
    return principal_of(request)


Who = Annotated[Principal, Depends(_who)]
"""Who asks. What a route needs of them is declared with it: ``dependencies=[READ]``."""


async def _administration(request: Request, who: Who) -> Administration:
    tenant = "" if who.operator else who.tenant
    return Administration(request.app.state.olhar, request.app.state.wake, tenant=tenant)


Admin = Annotated[Administration, Depends(_administration)]
"""Jobs, items and collections of whoever asks, to be looked after."""


async def _search_turn(request: Request) -> AsyncIterator[None]:
    async with request.app.state.searches.taken():
        yield


Searching = Annotated[None, Depends(_search_turn, scope="function")]
"""The last parameter of a route that searches: as many at a time as OLHAR_SEARCHES says. Raises Busy.

It is taken when the request was read, and given back before the response is sent: a client that sends or
reads slowly holds up nobody.
"""


async def _apart(request: Request) -> Apart:
    apart: Apart = request.app.state.apart
    return apart


Long = Annotated[Apart, Depends(_apart)]
"""Threads for what may take long: those that all routes share are kept for what does not."""


async def _conversations(request: Request, who: Who) -> Conversations:
    state = request.app.state
    return Conversations(state.olhar, who.tenant, state.recent, may_write=who.may("write"))


Talks = Annotated[Conversations, Depends(_conversations)]
"""Threads and feedback of whoever asks."""


def scope_of(olhar: Olhar, who: Principal, collection: Name | None) -> Scope:
    """The named collection of whoever asks, or the one of the settings."""
    return Scope(who.tenant, collection or olhar.settings.collection)
