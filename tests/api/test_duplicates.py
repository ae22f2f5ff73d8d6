from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from rag.types import Filter, Item, Kind, Scope
from tests.api.conftest import CAT, FakeStore, problem

ROUTE = "/v1/collections/default/duplicates"


@pytest.fixture(autouse=True)
def _alike(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [
        replace(CAT, id=digit * 32, phash=phash, sources=(digit,))
        for digit, phash in (("a", "f0f0f0f0f0f0f0f0"), ("b", "f0f0f0f0f0f0f0ff"), ("c", "1234567812345678"))
    ]

    def scan(
        self: FakeStore,
        scope: Scope,
        kind: Kind,
        *,
        where: Filter | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Item]:
        del self, kind, where
        return [item for item in pictures if item.id > after and item.collection == scope.collection][:limit]

    monkeypatch.setattr(FakeStore, "scan", scan, raising=False)


def test_pictures_that_look_alike_come_in_groups(client: httpx.Client) -> None:
    assert client.get(ROUTE).json() == {
        "groups": [[{"item_id": "a" * 32, "sources": ["a"]}, {"item_id": "b" * 32, "sources": ["b"]}]],
        "looked_at": 3,
        "complete": True,
    }
    assert client.get(ROUTE, params={"distance": 3}).json()["groups"] == []
    assert client.get("/v1/collections/other/duplicates").json()["looked_at"] == 0
    problem(client.get(ROUTE, params={"distance": 17}), 422)
