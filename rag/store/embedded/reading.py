"""Rows of known ids, read from what Milvus Lite holds in memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from milvus_lite.schema.types import DataType

from rag.store.embedded.state import State


def records(collection: Any, state: State, ids: Iterable[str], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Those that there are, in no order, with these fields as pymilvus gives them, vectors as arrays.

    Milvus Lite 3.2.2 reads the text of a filter that names the ids, looks at every stored row, and makes
    numbers of Python of the vectors, of which pymilvus makes arrays again.
    """
    by_segment: defaultdict[int, list[int]] = defaultdict(list)
    for item_id in dict.fromkeys(ids):
        if (place := state.places.get(item_id)) is not None:
            by_segment[place[0]].append(place[1])
    kinds = {one.name: one.dtype for one in collection.schema.fields}
    return [
        dict(zip(fields, values, strict=True))
        for number, rows in by_segment.items()
        for values in zip(
            *(_column(state.segments[number], name, kinds[name], rows) for name in fields), strict=True
        )
    ]


def _column(segment: Any, name: str, kind: DataType, rows: Sequence[int]) -> list[Any]:
    if kind == DataType.FLOAT_VECTOR:
        vectors, there = segment.vector_data(name)
        return [None if there is not None and not there[row] else vectors[row].copy() for row in rows]
    values: list[Any] = segment.table.column(name).take(pa.array(rows)).to_pylist()
    return [json.loads(value) for value in values] if kind == DataType.JSON else values
