"""The HTTP application around a built system."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from pydantic import BaseModel

from api import errors
from api.limits import LOOPBACK, BodyLimit, Guard
from api.links import Links
from api.query_schemas import AskIn, SearchIn
from api.routes import (
    asking,
    chat,
    collections,
    docs,
    duplicates,
    embedding,
    health,
    items,
    jobs,
    metrics,
    openai_embeddings,
    originals,
    reconciling,
    reranking,
)
from api.routes.chat_schemas import ChatChunk, ChatIn
from api.routes.openai_embeddings import EmbeddingsIn
from api.routes.request_schemas import TextIn
from api.routes.rerank_schemas import RerankIn
from api.security import needs
from api.telemetry.requests import Requests
from api.turns import Turns
from ingest.queue import Queue
from rag import __version__
from rag.build import Olhar

WAITING = 16
"""Uploads that are received, or waited for, at the same time."""
PARTS = (
    asking,
    collections,
    duplicates,
    jobs,
    items,
    originals,
    reconciling,
    chat,
    openai_embeddings,
    reranking,
    embedding,
    health,
    metrics,
)
"""The routes. Each says with ``dependencies=[READ]``, ``[WRITE]`` … who may call it."""
READ_BY_HAND: tuple[type[BaseModel], ...] = (
    AskIn,
    SearchIn,
    TextIn,
    ChatIn,
    ChatChunk,
    EmbeddingsIn,
    RerankIn,
)
"""Bodies that routes read or write themselves: FastAPI does not describe them."""


def create_app(olhar: Olhar, wake: Callable[[], None] = lambda: None) -> FastAPI:
    """The application over ``olhar``, which stays the caller's: warm it before, close it after.

    ``wake`` tells the worker of this process, if there is one, that a job was put down.
    """
    app = FastAPI(
        title="Olhar",
        version=__version__,
        description="Ask questions of image collections.",
        redirect_slashes=False,
        docs_url=None,  # FastAPI's own pages load their scripts from another host
        redoc_url=None,
    )
    app.state.olhar = olhar
    app.state.started = int(time.time())
    app.state.health_threads = health.threads()
    app.state.readiness = health.readiness(lambda: app.state.olhar)
    app.state.ending = False
    app.state.waiting = CapacityLimiter(WAITING)
    app.state.turns = Turns(olhar.settings.llm_answers, olhar.settings.llm_waiting)
    app.state.queue = Queue(olhar, wake, others_work=olhar.settings.worker == "apart")
    app.state.links = Links(olhar.settings.data, olhar.settings.link_key_days)
    app.state.wake = wake
    for part in PARTS:
        app.include_router(part.router)
    for route in needs.routes(part.router for part in PARTS):
        needs.declared(route)  # or else it does not start
    docs.install(app)
    errors.install(app)
    settings = olhar.settings
    app.add_middleware(BodyLimit, max_bytes=settings.max_bytes, upload_bytes=settings.upload_bytes)
    app.add_middleware(Guard, hosts=LOOPBACK | {_as_host(olhar.settings.host)})
    app.add_middleware(Requests)  # last, and so the outermost
    _describe_bodies(app)
    return app


def _as_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _describe_bodies(app: FastAPI) -> None:
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        known = document.setdefault("components", {}).setdefault("schemas", {})
        for model in READ_BY_HAND:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            known.update(schema.pop("$defs", {}))
            known[model.__name__] = schema
        return document

    app.openapi = described  # type: ignore[method-assign]  # the way FastAPI documents for extending it
