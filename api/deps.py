"""What a route can ask for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.administration import Administration
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


async def _administration(request: Request) -> Administration:
    administration: Administration = request.app.state.administration
    return administration


Admin = Annotated[Administration, Depends(_administration)]
"""Jobs, items and collections to be looked after."""


def scope_of(olhar: Olhar, collection: Name | None) -> Scope:
    """The named collection, or the one of the settings."""
    return Scope(olhar.settings.tenant, collection or olhar.settings.collection)
