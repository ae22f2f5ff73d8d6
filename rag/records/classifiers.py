"""Classifiers that were taught, by name, with the encoder that they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from rag.errors import NotFound
from rag.records.database import Database
from rag.records.schema import classifiers
from rag.types import Fingerprint, Scope


@dataclass(frozen=True, slots=True)
class Kept:
    """A classifier: ``weights`` are bytes that whoever made it can read; ``examples``: how many by label."""

    name: str
    fingerprint: Fingerprint
    labels: tuple[str, ...]
    examples: Mapping[str, int]
    weights: bytes
    created_at: float


class Classifiers:
    """The classifiers of all collections; each call sees those of one. ``clock`` gives Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def put(
        self,
        scope: Scope,
        name: str,
        fingerprint: Fingerprint,
        labels: Sequence[str],
        examples: Mapping[str, int],
        weights: bytes,
    ) -> Kept:
        """Keep a classifier, in place of one of the same name."""
        made = Kept(name, fingerprint, tuple(labels), dict(examples), weights, self._clock())
        values: dict[str, Any] = {
            "fingerprint": asdict(fingerprint),
            "labels": list(labels),
            "examples": dict(examples),
            "weights": weights,
            "created_at": made.created_at,
        }
        key = {"tenant": scope.tenant, "collection": scope.collection, "name": name}
        statement = (sqlite.insert if self._database.sqlite else postgresql.insert)(classifiers)
        put = statement.on_conflict_do_update(index_elements=list(key), set_=values)
        with self._database.writing() as connection:
            connection.execute(put, [key | values])
        return made

    def get(self, scope: Scope, name: str) -> Kept:
        """Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(classifiers).where(_is(scope, name))).mappings().first()
        if row is None:
            raise NotFound(f"there is no classifier {name!r} in the collection {scope.collection!r}")
        return _kept(row)

    def all(self, scope: Scope) -> list[Kept]:
        """By name."""
        asked = select(classifiers).where(_within(scope)).order_by(classifiers.c.name)
        with self._database.reading() as connection:
            return [_kept(row) for row in connection.execute(asked).mappings()]

    def delete(self, scope: Scope, name: str) -> None:
        """Raises NotFound."""
        with self._database.writing() as connection:
            if not connection.execute(delete(classifiers).where(_is(scope, name))).rowcount:
                raise NotFound(f"there is no classifier {name!r} in the collection {scope.collection!r}")

    def forget_collection(self, scope: Scope) -> None:
        """The collection is gone, and so are they."""
        with self._database.writing() as connection:
            connection.execute(delete(classifiers).where(_within(scope)))


def _within(scope: Scope) -> ColumnElement[bool]:
    return (classifiers.c.tenant == scope.tenant) & (classifiers.c.collection == scope.collection)


def _is(scope: Scope, name: str) -> ColumnElement[bool]:
    return _within(scope) & (classifiers.c.name == name)


def _kept(row: Mapping[Any, Any]) -> Kept:
    return Kept(
        row["name"],
        Fingerprint(**row["fingerprint"]),
        tuple(row["labels"]),
        row["examples"],
        bytes(row["weights"]),
        row["created_at"],
    )
