"""Is everything there? Quick also while the server is busy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import numpy as np
from fastapi import APIRouter, Request, Response

from api.schemas import HealthOut, LiveOut, PartOut, ReadyOut, ReadyPartOut
from api.security.needs import OPEN, READ
from api.telemetry.readiness import Check, Part, Readiness, status
from rag import __version__
from rag.build import Olhar
from rag.encoders.canary import WORDS, canaries
from rag.errors import ModelUnavailable
from rag.guarding import GuardedGenerator, GuardedReranker
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Matrix, Scope

router = APIRouter(tags=["health"])

NEEDED = ("store", "records", "encoder", "text_encoder")
"""Without one of these nothing is found; without a language model the evidence is still given."""


def readiness(olhar: Callable[[], Olhar]) -> Readiness:
    """What ``/health`` and ``/health/ready`` look at, of the system that is served now."""
    checks: dict[str, Check] = {
        "store": lambda: _store(olhar()),
        "records": lambda: _records(olhar()),
        "encoder": lambda: _encoder(olhar()),
        "text_encoder": lambda: _text_encoder(olhar()),
        "llm": lambda: _usable(olhar().generator),
        "reranker": lambda: _reranker(olhar()),
    }
    return Readiness(checks)


@router.get("/health/live", operation_id="live", dependencies=[OPEN])
async def live() -> LiveOut:
    """The process answers; nothing is looked at."""
    return LiveOut()


@router.get("/health/ready", operation_id="ready", dependencies=[OPEN], responses={503: {"model": ReadyOut}})
async def ready(request: Request, response: Response) -> ReadyOut:
    """Whether work can be done: 503 while a part that is needed is away, or the server ends.

    ``degraded`` (200) is without the language model, or the reranker. The parts are looked at every few
    seconds at most.
    """
    found: Readiness = request.app.state.readiness
    parts = await found.parts()
    now = "unready" if request.app.state.ending else status(parts, NEEDED)
    if now == "unready":
        response.status_code = 503
    return ReadyOut(
        status=now, parts={part: ReadyPartOut(state=p.state, ms=p.ms) for part, p in parts.items()}
    )


@router.get("/health", operation_id="health", dependencies=[READ])
async def health(request: Request) -> HealthOut:
    """The state of each part. ``degraded`` says that one of them cannot be used now."""
    found: Readiness = request.app.state.readiness
    parts = await found.parts(fresh_s=0)
    healthy = all(part.state == "ok" for part in parts.values())
    shown = {name: PartOut(state=part.state, detail=_told(part)) for name, part in parts.items()}
    return HealthOut(status="ok" if healthy else "degraded", version=__version__, parts=shown)


def _told(part: Part) -> dict[str, str]:
    return dict(part.detail) if part.state == "ok" else {"reason": part.reason}


def _usable(model: GuardedGenerator | GuardedReranker) -> Mapping[str, str]:
    model.breaker.require_closed()
    return model.check()


def _store(olhar: Olhar) -> Mapping[str, str]:
    scope = Scope(olhar.settings.tenant, olhar.settings.collection)
    olhar.store.get(scope, "image", ["0" * 32])
    return {"milvus": urlsplit(olhar.settings.milvus_uri).hostname or "a file (Milvus Lite)"}


def _records(olhar: Olhar) -> Mapping[str, str]:
    load = olhar.records.load()
    return {"jobs": str(load.jobs), "files_waiting": str(load.files_waiting)}


def _encoder(olhar: Olhar) -> Mapping[str, str]:
    encoder = olhar.encoder
    return _described(encoder, np.concatenate(canaries(encoder)), 2, "OLHAR_ENCODER")


def _text_encoder(olhar: Olhar) -> Mapping[str, str]:
    encoder = olhar.text_encoder
    # As a document: the vectors of queries are remembered, and would say nothing of today.
    return _described(encoder, encoder.encode_documents([WORDS]), 1, "OLHAR_TEXT_ENCODER")


def _reranker(olhar: Olhar) -> Mapping[str, str]:
    """What it is, and how often it had its say since the server started."""
    counts = {state: str(count) for state, count in olhar.pipeline.reranks.items()}
    reranker = olhar.reranker
    return {"name": "none", **counts} if reranker is None else {**_usable(reranker), **counts}


def _described(
    encoder: ImageEncoder | TextEncoder, vectors: Matrix, canaries: int, setting: str
) -> Mapping[str, str]:
    name, dimension = encoder.fingerprint.name, encoder.fingerprint.dimension
    if vectors.shape != (canaries, dimension) or not np.isfinite(vectors).all():
        raise ModelUnavailable(
            f"the encoder {name} ({setting}) gives vectors of shape {vectors.shape}, or of numbers that are "
            "not finite, for a canary; restart the server, or choose another encoder"
        )
    return {"name": name, "device": encoder.device}
