"""Looking after jobs, items and collections through the server that owns the data folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

from api.record_schemas import (
    DeletedOut,
    ItemOut,
    ItemsOut,
    JobFilesOut,
    JobOut,
    JobsOut,
    LastReconciledOut,
    PassOut,
    ReconciledOut,
    SourcesOut,
)
from api.schemas import CollectionsOut
from rag.types import Kind

RECONCILE_SECONDS = 3600.0
"""Deadline of looking at everything."""


class RemoteAdministration:
    """As ``Administration``, over HTTP. ``send`` takes method, route and query, and gives JSON."""

    def __init__(self, send: Callable[..., Any]) -> None:
        self._send = send

    def jobs(self, *, limit: int = 50, before: str = "") -> JobsOut:
        return JobsOut.model_validate(self._get("/v1/jobs", limit=limit, before=before))

    def job(self, job_id: str) -> JobOut:
        return JobOut.model_validate(self._get(f"/v1/jobs/{quote(job_id)}"))

    def files(self, job_id: str, *, status: str = "", after: int = -1, limit: int = 1000) -> JobFilesOut:
        route = f"/v1/jobs/{quote(job_id)}/files"
        return JobFilesOut.model_validate(self._get(route, status=status, after=after, limit=limit))

    def parked(self, *, after: int = 0, limit: int = 1000) -> JobFilesOut:
        return JobFilesOut.model_validate(self._get("/v1/parked", after=after, limit=limit))

    def cancel(self, job_id: str) -> JobOut:
        return JobOut.model_validate(self._send("POST", f"/v1/jobs/{quote(job_id)}/cancel"))

    def retry(self, job_id: str, *, quarantined: bool = False) -> JobOut:
        query = {"quarantined": str(quarantined).lower()}
        return JobOut.model_validate(self._send("POST", f"/v1/jobs/{quote(job_id)}/retry", params=query))

    def collections(self) -> CollectionsOut:
        return CollectionsOut.model_validate(self._get("/v1/collections"))

    def describe(self, collection: str, *, again: bool = False) -> PassOut:
        route, query = f"/v1/collections/{quote(collection)}/captions", {"again": str(again).lower()}
        return PassOut.model_validate(self._send("POST", route, params=query))

    def read_pictures(self, collection: str) -> PassOut:
        return PassOut.model_validate(self._send("POST", f"/v1/collections/{quote(collection)}/ocr"))

    def items(self, collection: str, *, kind: Kind = "image", after: str = "", limit: int = 100) -> ItemsOut:
        route = f"/v1/collections/{quote(collection)}/items"
        return ItemsOut.model_validate(self._get(route, kind=kind, after=after, limit=limit))

    def item(self, collection: str, item_id: str) -> ItemOut:
        return ItemOut.model_validate(self._get(f"/v1/items/{quote(item_id)}", collection=collection))

    def edit(self, collection: str, item_id: str, changes: Mapping[str, Any]) -> ItemOut:
        route, query = f"/v1/items/{quote(item_id)}", {"collection": collection}
        return ItemOut.model_validate(self._send("PATCH", route, params=query, json=dict(changes)))

    def sources(self, collection: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> SourcesOut:
        route = f"/v1/collections/{quote(collection)}/sources"
        return SourcesOut.model_validate(self._get(route, prefix=prefix, after=after, limit=limit))

    def delete(
        self, collection: str, target: Literal["item", "source", "collection"], name: str = ""
    ) -> DeletedOut:
        routes: dict[str, tuple[str, dict[str, str]]] = {
            "item": (f"/v1/items/{quote(name)}", {"collection": collection}),
            "source": (f"/v1/collections/{quote(collection)}/sources", {"source": name}),
            "collection": (f"/v1/collections/{quote(collection)}", {}),
        }
        route, query = routes[target]
        return DeletedOut.model_validate(self._send("DELETE", route, params=query))

    def reconcile(self, *, repair: bool = False) -> ReconciledOut:
        query = {"repair": str(repair).lower()}
        answer = self._send("POST", "/v1/reconcile", params=query, timeout=RECONCILE_SECONDS)
        return ReconciledOut.model_validate(answer)

    def reconciled(self) -> LastReconciledOut:
        return LastReconciledOut.model_validate(self._get("/v1/reconcile"))

    def _get(self, route: str, **query: Any) -> Any:
        return self._send("GET", route, params=query)
