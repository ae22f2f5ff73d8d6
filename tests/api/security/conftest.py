"""Servers that ask for keys: one over the real store with two tenants, and light ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import httpx
import pytest
from fastapi import FastAPI

from api.app import PARTS, create_app
from api.security.needs import declared, is_open, routes
from rag.build import Olhar
from rag.records.types import Key, Right
from tests.ingest.conftest import FakeParts, in_place
from tests.loopback import running


def needed() -> dict[str, Right | Literal["open"] | None]:
    """What each operation of the server needs: a scope, None for any key, ``open`` for none."""
    return {
        route.operation_id: "open" if is_open(route) else declared(route)
        for route in routes(part.router for part in PARTS)
        if route.operation_id
    }


def operations(app: FastAPI) -> dict[str, tuple[str, str]]:
    """(method, path) of every operation that the server publishes."""
    paths = app.openapi()["paths"]
    return {one["operationId"]: (m.upper(), path) for path, ms in paths.items() for m, one in ms.items()}


@dataclass
class Light:
    """A server that asks for keys, over doubles and real records."""

    parts: FakeParts
    app: FastAPI
    url: str

    def key(self, *rights: Right, tenant: str = "ana", **more: Any) -> tuple[Key, str]:
        """A key and its secret."""
        return self.parts.records.keys.create(tenant, "a test", rights or ("admin",), **more)

    def client(self, secret: str = "", **headers: str) -> httpx.Client:
        """A client with a key; without one, unless it is named."""
        given = {"authorization": f"Bearer {secret}"} if secret else {}
        # No TLS: without it, making a client costs a hundredth.
        return httpx.Client(
            base_url=self.url, timeout=20, trust_env=False, verify=False, headers=given | headers
        )


@contextmanager
def light_server(folder: Path, **settings: object) -> Iterator[Light]:
    parts = FakeParts(folder, **{"auth": "required", **settings})
    app = create_app(cast(Olhar, parts), in_place(parts))  # the routes used here want no more of a system
    with running(app) as url:
        yield Light(parts, app, url)
    parts.records.close()


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    with light_server(tmp_path_factory.mktemp("light")) as light:
        yield light
