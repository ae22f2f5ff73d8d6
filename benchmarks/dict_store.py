"""A store that costs nothing, so that what is measured is not Milvus."""

# ruff: noqa: ARG002  # the arguments are those of every store

from __future__ import annotations

from collections.abc import Sequence

from rag.types import CollectionInfo, Filter, Item, Kind, Leg, Row, Scope, Vector


class DictStore:
    """A ``Store`` of one scope; it searches nothing."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def upsert(self, rows: Sequence[Row]) -> None:
        self._rows |= {row.item.id: row for row in rows}

    def delete(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> int:
        return sum(self._rows.pop(one, None) is not None for one in ids)

    def get(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Item]:
        return [row.item for row in self.rows(scope, kind, ids)]

    def rows(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Row]:
        return [self._rows[one] for one in ids if one in self._rows]

    def scan(
        self, scope: Scope, kind: Kind, *, where: Filter | None = None, after: str = "", limit: int = 100
    ) -> list[Item]:
        return [self._rows[one].item for one in sorted(self._rows) if one > after][:limit]

    def count(self, scope: Scope, kind: Kind, where: Filter | None = None) -> int:
        return len(self._rows)

    def collections(self, tenant: str) -> list[CollectionInfo]:
        return []

    def made_of(self, sha256s: Sequence[str]) -> set[str]:
        return {row.item.content_hash for row in self._rows.values()} & set(sha256s)

    def search(
        self,
        scope: Scope,
        kind: Kind,
        leg: Leg,
        query: Vector | str,
        *,
        limit: int,
        where: Filter | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        return []

    def close(self) -> None:
        pass
