"""The HTTP application around a built system."""

from __future__ import annotations

import time
from collections.abc import Callable

from anyio import CapacityLimiter
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from api import description, errors, turns
from api.apart import Apart
from api.classify_schemas import ClassifyIn
from api.limits import BodyLimit, is_large
from api.links import Links
from api.moderation_schemas import ModerateIn
from api.query_schemas import AskIn, SearchIn
from api.routes import (
    asking,
    chat,
    classifying,
    collections,
    curating,
    docs,
    duplicates,
    embedding,
    fairness,
    health,
    items,
    jobs,
    keys,
    metrics,
    models,
    moderating,
    openai_embeddings,
    originals,
    quality,
    reconciling,
    reranking,
    responses,
    session,
    threads,
)
from api.routes.chat_schemas import ChatChunk, ChatIn
from api.routes.openai_embeddings import EmbeddingsIn
from api.routes.request_schemas import TextIn
from api.routes.rerank_schemas import RerankIn
from api.routes.response_schemas import ResponseIn
from api.routes.response_shapes import ResponseEvent
from api.security import needs
from api.security.description import secured
from api.security.gate import Gate
from api.security.guard import Guard, Own, cors
from api.security.keyring import Keyring
from api.security.ledger import Ledger
from api.teaching_schemas import TeachIn
from api.telemetry.requests import Requests
from ingest.queue import Queue
from rag import __version__
from rag.build import Olhar
from rag.records.answers import Recent

WAITING = 16
"""Uploads that are put down as jobs at the same time."""
LOOKING = 4
"""Jobs that are looked at, for whoever waits for them, at the same time."""
PARTS = (
    asking,
    collections,
    duplicates,
    classifying,
    moderating,
    quality,
    fairness,
    curating,
    jobs,
    items,
    originals,
    reconciling,
    chat,
    responses,
    models,
    threads,
    openai_embeddings,
    reranking,
    embedding,
    health,
    metrics,
    keys,
    session,
)
"""The routes. Each says with ``dependencies=[READ]``, ``[WRITE]`` … who may call it."""
READ_BY_HAND: tuple[type[BaseModel], ...] = (
    AskIn,
    SearchIn,
    TextIn,
    ChatIn,
    ChatChunk,
    ResponseIn,
    ResponseEvent,
    EmbeddingsIn,
    RerankIn,
    ClassifyIn,
    ModerateIn,
    TeachIn,
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
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours tell less: no paths, no queries
    )
    app.state.olhar = olhar
    app.state.started = int(time.time())
    app.state.readiness = health.readiness(lambda: app.state.olhar)
    app.state.ending = False
    app.state.waiting = CapacityLimiter(WAITING)
    app.state.looking = CapacityLimiter(LOOKING)
    app.state.apart = Apart()
    app.state.turns = turns.of_answers(olhar.settings)
    app.state.searches = turns.of_searches(olhar.settings)
    app.state.keyring = Keyring(olhar)
    app.state.ledger = Ledger()
    app.state.queue = Queue(olhar, wake, others_work=olhar.settings.worker == "apart")
    app.state.links = Links(olhar.settings.data, olhar.settings.link_key_days)
    app.state.wake = wake
    app.state.recent = Recent()
    for part in PARTS:
        app.include_router(part.router)
    routes = list(needs.routes(part.router for part in PARTS))
    for route in routes:
        needs.declared(route)  # or else it does not start
    docs.install(app)
    errors.install(app)
    settings = olhar.settings
    large = [route.path_regex for route in routes if is_large(route)]
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_bytes, upload_bytes=settings.upload_bytes, large_paths=large
    )
    open_routes = [route for route in routes if needs.is_open(route)]
    open_paths = [route.path_regex for route in open_routes]
    app.add_middleware(Gate, open_paths=open_paths, keyring=app.state.keyring, ledger=app.state.ledger)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, **cors(settings))
    app.add_middleware(Guard, own=Own.of(settings))
    app.add_middleware(Requests)  # last, and so the outermost
    description.install(app, READ_BY_HAND, {route.operation_id or "": secured(route) for route in routes})
    return app
