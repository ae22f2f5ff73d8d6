"""What a server counts, for Prometheus."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from api.deps import System
from api.security.needs import READ
from api.telemetry.gauges import Gauges
from api.telemetry.metrics import METRICS

router = APIRouter(tags=["operation"])


TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/plain": {"schema": {"type": "string"}}},
        "description": "Prometheus' text format.",
    }
}


@router.get("/metrics", operation_id="metrics", response_class=Response, responses=TEXT, dependencies=[READ])
def metrics(request: Request, olhar: System) -> Response:
    """Counts and gauges in Prometheus' text format, of the whole server. Nothing in it names anybody."""
    now = CollectorRegistry()
    state = request.app.state
    now.register(Gauges(olhar, state.turns, state.searches, state.readiness.last))
    return Response(generate_latest(METRICS.registry) + generate_latest(now), media_type=CONTENT_TYPE_LATEST)
