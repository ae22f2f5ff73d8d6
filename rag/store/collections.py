"""The physical collections: made, checked and loaded when a store opens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

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
            _create(connection, alias, fingerprints)
        _check_fingerprints(connection, alias, fingerprints)
        dense = _ensure_indexes(connection, alias, flat_limit)
        client.load_collection(alias, timeout=CALL_SECONDS)
    return dense


def _create(connection: Connection, alias: str, fingerprints: Mapping[Leg, Fingerprint]) -> None:
    client, physical = connection.client, f"{alias}_1"
    if not client.has_collection(physical, timeout=CALL_SECONDS):
        client.create_collection(
            physical,
            schema=build_schema(fingerprints["image"].dimension, fingerprints["caption"].dimension),
            properties={FINGERPRINTS: _to_json(fingerprints)},
            consistency_level="Strong",
            timeout=CALL_SECONDS,
        )
    client.create_alias(physical, alias, timeout=CALL_SECONDS)


def _check_fingerprints(connection: Connection, alias: str, given: Mapping[Leg, Fingerprint]) -> None:
    described = connection.client.describe_collection(alias, timeout=CALL_SECONDS)
    physical, text = described["collection_name"], dict(described["properties"]).get(FINGERPRINTS)
    try:
        stored = {field: Fingerprint(**values) for field, values in json.loads(text or "").items()}
    except (ValueError, TypeError):
        raise Conflict(
            f"the collection {physical} was not made by Olhar; set OLHAR_MILVUS_URI to another database"
        ) from None
    for leg, field in VECTORS.items():
        if stored.get(field) != given[leg]:
            raise FingerprintMismatch(
                f"the {leg} vectors in {physical} were made by {_shown(stored.get(field))}, but the encoder "
                f"is now {_shown(given[leg])}. Choose the old OLHAR_ENCODER again, or set OLHAR_DATA to "
                "another folder and ingest again."
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


def _small(connection: Connection, alias: str, flat_limit: int) -> bool:
    if not connection.is_file:
        return False
    statistics = connection.client.get_collection_stats(alias, timeout=CALL_SECONDS)
    return int(statistics["row_count"]) <= flat_limit


def _to_json(fingerprints: Mapping[Leg, Fingerprint]) -> str:
    return json.dumps({VECTORS[leg]: asdict(value) for leg, value in fingerprints.items()})


def _shown(fingerprint: Fingerprint | None) -> str:
    if fingerprint is None:
        return "an unknown encoder"
    weights, preprocessing = fingerprint.weights[:16], fingerprint.preprocessing
    return f"{fingerprint.name!r} (weights {weights}, {preprocessing}, {fingerprint.dimension} dimensions)"
