"""What routes need, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from fastapi.routing import APIRoute

from api.security.credentials import COOKIE
from api.security.needs import declared, is_open

SCHEMES: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key, as OpenAI's clients send it"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "of `POST /session`; what changes something needs `X-CSRF-Token` too",
    },
}
"""Where keys are asked for, one of them; on this machine alone, by default none."""


def secured(route: APIRoute) -> list[dict[str, list[str]]]:
    """The ways to be let in, with the scope that the key has to have; none where nothing is asked."""
    if is_open(route):
        return []
    right = declared(route)
    return [{name: [right] if right else []} for name in SCHEMES]
