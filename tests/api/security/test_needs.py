"""Every route says what it needs; one that does not keeps the server from starting."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from api.app import PARTS
from api.security.needs import OPEN, READ, declared, is_open, routes


def route(**more: object) -> APIRoute:
    router = APIRouter()
    router.add_api_route("/new", lambda: None, **more)  # type: ignore[arg-type]  # what a route may be given
    (found,) = routes([router])
    return found


def test_every_route_says_what_it_needs() -> None:
    found = list(routes(part.router for part in PARTS))
    assert len(found) > 30
    for one in found:
        assert is_open(one) or declared(one) in ("read", "write", "admin", None)


def test_a_route_that_says_nothing_is_refused() -> None:
    with pytest.raises(RuntimeError, match="/new does not say what it needs"):
        declared(route())
    assert declared(route(dependencies=[READ])) == "read"
    assert is_open(route(dependencies=[OPEN]))
