"""Keys and the audit log through the server that owns the data folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from api.key_schemas import AuditOut, KeyIn, KeyOut, KeysOut, MadeKeyOut, RotateIn


class RemoteKeyDesk:
    """As ``KeyDesk``, over HTTP, for the tenant of the key that is sent. ``send`` takes method and route."""

    def __init__(self, send: Callable[..., Any]) -> None:
        self._send = send

    def create(self, wanted: KeyIn) -> MadeKeyOut:
        return MadeKeyOut.model_validate(self._send("POST", "/v1/keys", json=wanted.model_dump()))

    def list(self) -> KeysOut:
        return KeysOut.model_validate(self._send("GET", "/v1/keys"))

    def rotate(self, prefix: str, wanted: RotateIn) -> MadeKeyOut:
        route = f"/v1/keys/{quote(prefix)}/rotate"
        return MadeKeyOut.model_validate(self._send("POST", route, json=wanted.model_dump()))

    def revoke(self, prefix: str) -> KeyOut:
        return KeyOut.model_validate(self._send("DELETE", f"/v1/keys/{quote(prefix)}"))

    def audit(self, *, limit: int = 100, before: int | None = None, key: str = "") -> AuditOut:
        query = {"limit": limit, "key": key} | ({} if before is None else {"before": before})
        return AuditOut.model_validate(self._send("GET", "/v1/audit", params=query))
