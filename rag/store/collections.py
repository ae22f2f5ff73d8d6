"""The physical collections: made, checked and loaded when a store opens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from pymilvus.exceptions import MilvusException

from rag.errors import Conflict, FingerprintMismatch
from rag.store.connection import CALL_SECONDS, Connection, translated
from rag.store.schema import VECTORS, Dense, build_indexes, build_schema
from rag.types import Fingerprint, Leg

FINGERPRINTS: Final = "olhar.fingerprints"
"""The property of a physical collection that holds the fingerprint of each vector field, as JSON."""


def ensure(
    connection: Connection, alias: str, fingerprints: Mapping[Leg, Fingerprint], flat_limit: int
) -> Dense:
    """Make the collection behind an alias ready for use; returns the kind of its vector indexes.

    Each step looks first, so that one cut short is finished by the next opening. Raises
    FingerprintMismatch when the stored vectors are another encoder's.
    """
    client = connection.client
    with translated(f"opening the collection {alias}"):
        if not client.has_collection(alias, timeout=CALL_SECONDS):
            create(connection, f"{alias}_1", fingerprints)
            client.create_alias(f"{alias}_1", alias, timeout=CALL_SECONDS)
        _check_fingerprints(connection, alias, fingerprints)
        return make_ready(connection, alias, flat_limit)


def create(connection: Connection, physical: str, fingerprints: Mapping[Leg, Fingerprint]) -> None:
    """Make an empty physical collection for the vectors of these encoders, unless it is there."""
    if not connection.client.has_collection(physical, timeout=CALL_SECONDS):
        connection.client.create_collection(
            physical,
            schema=build_schema(fingerprints["image"].dimension, fingerprints["caption"].dimension),
            properties={FINGERPRINTS: _to_json(fingerprints)},
            consistency_level="Strong",
            timeout=CALL_SECONDS,
        )


def make_ready(connection: Connection, name: str, flat_limit: int) -> Dense:
    """Index and load a collection, given by alias or by its own name; returns the kind of its indexes."""
    dense = _ensure_indexes(connection, name, flat_limit)
    try:
        connection.client.load_collection(name, timeout=CALL_SECONDS)
    except MilvusException:
        if not connection.lite:
            raise
        # Milvus Lite writes its index files in place: a process killed meanwhile leaves half a file.
        _drop_indexes(connection, name)
        dense = _ensure_indexes(connection, name, flat_limit)
        connection.client.load_collection(name, timeout=CALL_SECONDS)
    if connection.is_file:  # a process that was killed while it wrote leaves rows that slow down every search
        with connection.writing:
            connection.client.flush(name, timeout=CALL_SECONDS)
    return dense


def stored_fingerprints(connection: Connection, name: str) -> dict[Leg, Fingerprint]:
    """Which encoders made the vectors of a collection. Raises Conflict when it is none of ours."""
    described = connection.client.describe_collection(name, timeout=CALL_SECONDS)
    physical, text = described["collection_name"], dict(described["properties"]).get(FINGERPRINTS)
    try:
        stored = json.loads(text or "")
        return {leg: Fingerprint(**stored[field]) for leg, field in VECTORS.items()}
    except (ValueError, TypeError, KeyError):
        raise Conflict(
            f"the collection {physical} was not made by Olhar; set OLHAR_MILVUS_URI to another database"
        ) from None


def _check_fingerprints(connection: Connection, alias: str, given: Mapping[Leg, Fingerprint]) -> None:
    for leg, stored in stored_fingerprints(connection, alias).items():
        if stored != given[leg]:
            raise FingerprintMismatch(
                f"the {leg} vectors in the collection {alias} were made by {_shown(stored)}, but the encoder "
                f"is now {_shown(given[leg])}. Run `olhar reindex` to rebuild them from the originals, or "
                "choose the old one again (OLHAR_ENCODER, OLHAR_TEXT_ENCODER)."
            )


def _ensure_indexes(connection: Connection, alias: str, flat_limit: int) -> Dense:
    client = connection.client
    existing = set(client.list_indexes(alias, timeout=CALL_SECONDS))
    kinds = {
        client.describe_index(alias, field, timeout=CALL_SECONDS)["index_type"]
        for field in VECTORS.values()
        if field in existing
    }
    wanted: Dense = "HNSW" if "HNSW" in kinds or not _small(connection, alias, flat_limit) else "FLAT"
    if kinds - {wanted}:
        client.release_collection(alias, timeout=CALL_SECONDS)
        for field in existing & set(VECTORS.values()):
            # Milvus Lite knows its indexes by this name, and drops them all for another.
            client.drop_index(alias, f"{field}_idx", timeout=CALL_SECONDS)
        existing -= set(VECTORS.values())
    indexes = build_indexes(wanted)
    missing = [index for index in indexes if index.field_name not in existing]
    if missing:
        indexes[:] = missing
        # Waiting would cost half a second for each index, and loading waits for them anyway.
        client.create_index(alias, indexes, sync=False, timeout=CALL_SECONDS)
    return wanted


def _drop_indexes(connection: Connection, name: str) -> None:
    client = connection.client
    client.release_collection(name, timeout=CALL_SECONDS)
    for field in client.list_indexes(name, timeout=CALL_SECONDS):
        client.drop_index(name, f"{field}_idx", timeout=CALL_SECONDS)


def _small(connection: Connection, alias: str, flat_limit: int) -> bool:
    if not connection.is_file:
        return False
    statistics = connection.client.get_collection_stats(alias, timeout=CALL_SECONDS)
    return int(statistics["row_count"]) <= flat_limit


def _to_json(fingerprints: Mapping[Leg, Fingerprint]) -> str:
    return json.dumps({VECTORS[leg]: asdict(value) for leg, value in fingerprints.items()})


def _shown(fingerprint: Fingerprint) -> str:
    weights, preprocessing = fingerprint.weights[:16], fingerprint.preprocessing
    return f"{fingerprint.name!r} (weights {weights}, {preprocessing}, {fingerprint.dimension} dimensions)"
