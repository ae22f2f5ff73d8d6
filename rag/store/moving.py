"""Moving the aliases to rebuilt collections, whole or not at all.

A rebuild makes ``images_<n>`` and ``passages_<n>`` beside the collections in use. Two aliases cannot move
in one step, so one mark on ``images_<n>`` decides: before it, nothing has happened; after it, whoever opens
the store next moves what was not moved yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rag.errors import Conflict
from rag.store.collections import stored_fingerprints
from rag.store.connection import CALL_SECONDS, Connection, translated
from rag.store.schema import ALIASES

COMPLETE: Final = "olhar.complete"
"""The property of ``images_<n>`` that says: this and ``passages_<n>`` are whole; they are in use."""


def settle(connection: Connection) -> None:
    """Finish a move that was decided, and drop the collections that it replaced."""
    with translated("looking for rebuilt collections"):
        places = numbers(connection)
        decided = [n for n in places.get(ALIASES["image"], ()) if _complete(connection, n)]
        if not decided:
            return
        newest = max(decided)
        for alias in ALIASES.values():
            _point(connection, alias, f"{alias}_{newest}")
            for n in places.get(alias, ()):
                if n < newest:
                    drop(connection, f"{alias}_{n}")


def decide(connection: Connection, number: int) -> None:
    """Put the collections of this number in use, from now on and for good."""
    with translated("putting the rebuilt collections in use"):
        connection.client.alter_collection_properties(
            f"{ALIASES['image']}_{number}", properties={COMPLETE: "true"}, timeout=CALL_SECONDS
        )
    settle(connection)


def numbers(connection: Connection) -> dict[str, list[int]]:
    """The numbers of the physical collections of each alias; of those aliases that have any."""
    found: dict[str, list[int]] = {}
    for name in connection.client.list_collections(timeout=CALL_SECONDS):
        match = re.fullmatch(rf"({'|'.join(ALIASES.values())})_([1-9]\d*)", name)
        if match is not None:
            found.setdefault(match[1], []).append(int(match[2]))
    return found


def number_in_use(connection: Connection) -> int:
    """The number of the collections behind the aliases, the higher one; 0 when there are none."""
    client = connection.client
    names = [
        client.describe_collection(alias, timeout=CALL_SECONDS)["collection_name"]
        for alias in ALIASES.values()
        if client.has_collection(alias, timeout=CALL_SECONDS)
    ]
    return max((int(name.rpartition("_")[2]) for name in names), default=0)


def drop(connection: Connection, physical: str) -> None:
    """Drop a collection, if it is one of ours."""
    try:
        stored_fingerprints(connection, physical)
    except Conflict:
        return
    connection.client.drop_collection(physical, timeout=CALL_SECONDS)


def _complete(connection: Connection, number: int) -> bool:
    described = connection.client.describe_collection(f"{ALIASES['image']}_{number}", timeout=CALL_SECONDS)
    return COMPLETE in dict(described["properties"])


def _point(connection: Connection, alias: str, physical: str) -> None:
    client = connection.client
    if client.describe_collection(alias, timeout=CALL_SECONDS)["collection_name"] != physical:
        with _forgetting(connection):
            client.alter_alias(physical, alias, timeout=CALL_SECONDS)


@contextmanager
def _forgetting(connection: Connection) -> Iterator[None]:
    """Around the move of an alias, also of one that fails late: rows kept by its name are of before."""
    if connection.recent is None:
        yield
        return
    try:
        with connection.recent.changing("", ()):  # nothing that is read meanwhile is kept
            yield
    finally:
        connection.recent.clear()
