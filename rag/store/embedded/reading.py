"""Rows, read from what Milvus Lite holds in memory.

Milvus Lite 3.2.2 makes Python values of every field of each row that fits a filter, vectors too, also where
it is to count them; pymilvus makes arrays of the vectors again.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from milvus_lite.schema.types import DataType

from rag.store.embedded.state import State


def records(collection: Any, state: State, ids: Iterable[str], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Those that there are of these ids, in no order, with these fields as pymilvus gives them.

    Vectors come as arrays that are nobody else's.
    """
    places = (state.places.get(item_id) for item_id in dict.fromkeys(ids))
    return _read(collection, state, (place for place in places if place is not None), fields)


def matching(
    collection: Any, state: State, expression: str, fields: Sequence[str], limit: int | None = None
) -> list[dict[str, Any]]:
    """As ``records``, those that fit a filter, in order of id; without a limit all of them."""
    ids = [
        segment.pks[row]
        for segment, fits in state.fitting(collection, expression)
        for row in np.flatnonzero(fits).tolist()
    ]
    found = records(collection, state, sorted(ids)[:limit], ["id", *fields])
    return sorted(found, key=lambda record: str(record["id"]))


def tally(collection: Any, state: State, expression: str, name: str) -> Counter[str]:
    """How many rows that fit a filter have each value of a field."""
    counts: Counter[str] = Counter()
    for segment, fits in state.fitting(collection, expression):
        values = segment.table.column(name).filter(pa.array(fits))
        counts.update({one["values"]: one["counts"] for one in values.value_counts().to_pylist()})
    return counts


def _read(
    collection: Any, state: State, places: Iterable[tuple[int, int]], fields: Sequence[str]
) -> list[dict[str, Any]]:
    by_segment: defaultdict[int, list[int]] = defaultdict(list)
    for number, row in places:
        by_segment[number].append(row)
    kinds = {one.name: one.dtype for one in collection.schema.fields}
    names = list(dict.fromkeys(fields))
    return [
        dict(zip(names, values, strict=True))
        for number, rows in by_segment.items()
        for values in zip(
            *(_column(state.segments[number], name, kinds[name], rows) for name in names), strict=True
        )
    ]


def _column(segment: Any, name: str, kind: DataType, rows: Sequence[int]) -> list[Any]:
    if kind == DataType.FLOAT_VECTOR:
        vectors, there = segment.vector_data(name)
        return [None if there is not None and not there[row] else vectors[row].copy() for row in rows]
    values: list[Any] = segment.table.column(name).take(pa.array(rows)).to_pylist()
    return [json.loads(value) for value in values] if kind == DataType.JSON else values
