"""Rows to what Milvus stores, checked before Milvus sees them; and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from rag.errors import InvalidInput
from rag.folding import fold
from rag.store.filters import INT64, scope_key
from rag.store.schema import (
    HAS,
    ITEM_FIELDS,
    LIST_BYTES,
    LIST_ENTRIES,
    METADATA,
    METADATA_BYTES,
    NUMBERS,
    TEXT_BYTES,
    VECTORS,
)
from rag.types import Item, Leg, Row, Vector

Record: TypeAlias = dict[str, Any]
"""One entity as pymilvus takes and gives it."""

ROW_FIELDS: Final = (*ITEM_FIELDS, *HAS.values(), *VECTORS.values())
PADDING: Final = "~padding"
"""An id that no item may have."""
BATCH_ROWS: Final = 512
BATCH_BYTES: Final = 16 * 2**20


def to_record(row: Row, dimensions: Mapping[Leg, int]) -> Record:
    """What is stored for a row.

    Raises InvalidInput, naming the row, for a vector that is not finite, is zero or has another
    size than ``dimensions``, and for text, lists, numbers or metadata that Milvus cannot hold.
    """
    item = row.item
    vectors: dict[Leg, Vector | None] = {"image": row.image_vector, "caption": row.caption_vector}
    try:
        if not (item.id and item.tenant and item.collection):
            raise InvalidInput("an item needs an id, a tenant and a collection")
        if item.id == PADDING:
            raise InvalidInput("this id is reserved; give the item another")
        record: Record = {name: getattr(item, name) for name in ITEM_FIELDS}
        record["scope"] = scope_key(item.tenant, item.collection)
        record["bm25_text"] = bm25_text(item)
        for name, limit in TEXT_BYTES.items():
            _check_text(name, record[name], limit)
        for name, limit in LIST_BYTES.items():
            record[name] = _checked_list(name, record[name], limit)
        for name in NUMBERS:
            _check_number(name, record[name])
        record[METADATA] = _checked_metadata(item.metadata)
        for leg, vector in vectors.items():
            record[HAS[leg]] = vector is not None
            record[VECTORS[leg]] = None if vector is None else _checked_vector(leg, vector, dimensions[leg])
    except InvalidInput as error:
        raise InvalidInput(f"row {item.id!r}: {error}") from None
    return record


def to_item(record: Mapping[str, Any]) -> Item:
    """The item of a stored record that has all of ITEM_FIELDS."""
    values = {name: record[name] for name in ITEM_FIELDS}
    values.update({name: tuple(values[name]) for name in LIST_BYTES})
    return Item(**values)


def to_row(record: Mapping[str, Any]) -> Row:
    """The row of a stored record that has all of ROW_FIELDS."""
    image, caption = (_stored_vector(record, leg) for leg in VECTORS)
    return Row(to_item(record), image, caption)


def check_query(vector: Vector, leg: Leg, dimension: int) -> Vector:
    """A query's vector, float32. Raises InvalidInput like ``to_record``."""
    try:
        return _checked_vector(leg, vector, dimension)
    except InvalidInput as error:
        raise InvalidInput(f"query: {error}") from None


def bm25_text(item: Item) -> str:
    """The words that BM25 indexes: caption, OCR, tags and text, folded and cut to what a field holds."""
    folded = fold("\n".join((item.caption, " ".join(item.tags), item.text, item.ocr)))
    limit = TEXT_BYTES["bm25_text"]
    try:
        data = folded.encode()
    except UnicodeEncodeError:
        raise InvalidInput("caption, OCR, text or a tag is not valid Unicode text") from None
    return folded if len(data) <= limit else data[:limit].decode(errors="ignore")


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records in groups that one message can carry."""
    batch: list[Record] = []
    size = 0
    for record in records:
        weight = _weight(record)
        if batch and (len(batch) == BATCH_ROWS or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += weight
    if batch:
        yield batch


def padding(like: Record, dimensions: Mapping[Leg, int]) -> Record:
    """A record that no scope can see, with both vectors.

    Milvus Lite refuses a batch in which a vector is missing from every row; this row goes with such
    a batch. It has no tenant, and every read names one. It lies in the partition of ``like``.
    """
    empty = dict(like)
    empty.update(
        dict.fromkeys(TEXT_BYTES, ""), **dict.fromkeys(NUMBERS, 0), **dict.fromkeys(HAS.values(), False)
    )
    empty.update(id=PADDING, scope=like["scope"], tags=[], sources=[], metadata={})
    empty.update({VECTORS[leg]: np.eye(1, size, dtype=np.float32)[0] for leg, size in dimensions.items()})
    return empty


def needs_padding(batch: Sequence[Record]) -> bool:
    """Whether some vector is missing from every row."""
    return any(all(record[field] is None for record in batch) for field in VECTORS.values())


def _stored_vector(record: Mapping[str, Any], leg: Leg) -> Vector | None:
    # The flag decides: Milvus Lite reads a missing vector as zeros.
    return np.asarray(record[VECTORS[leg]], dtype=np.float32) if record[HAS[leg]] else None


def _weight(record: Record) -> int:
    vectors = sum(record[f].nbytes for f in VECTORS.values() if record[f] is not None)
    texts = sum(len(record[f]) for f in TEXT_BYTES) + sum(len(s) for f in LIST_BYTES for s in record[f])
    return int(vectors) + 4 * texts + METADATA_BYTES // 64


def _check_text(name: str, value: object, limit: int) -> None:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is text, not {value!r}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput(f"{name} is not valid Unicode text") from None
    if size > limit:
        raise InvalidInput(f"{name} takes {size} bytes; at most {limit} can be stored, so shorten it")


def _checked_list(name: str, values: Sequence[str], limit: int) -> list[str]:
    if len(values) > LIST_ENTRIES:
        raise InvalidInput(f"{name} has {len(values)} entries; at most {LIST_ENTRIES} can be stored")
    for value in values:
        _check_text(f"an entry of {name}", value, limit)
    return list(values)


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, int) or abs(value) > INT64:
        raise InvalidInput(f"{name} is a whole number of 64 bits, not {value!r}")


def _checked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: _checked_json(value, depth=1) for key, value in metadata.items()}
    for key in plain:
        _check_text("a key of the metadata", key, TEXT_BYTES["part"])
    try:
        size = len(json.dumps(plain, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise InvalidInput("the metadata is not valid Unicode text") from None
    if size > METADATA_BYTES:
        raise InvalidInput(f"the metadata takes {size} bytes as JSON; at most {METADATA_BYTES} can be stored")
    return plain


def _checked_json(value: Any, depth: int) -> Any:
    if depth > 16:
        raise InvalidInput("the metadata is nested deeper than 16")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidInput(f"keys of the metadata are texts, not {key!r}")
        return {key: _checked_json(v, depth + 1) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_checked_json(v, depth + 1) for v in value]
    if value is None or isinstance(value, str | bool):
        return value
    if (isinstance(value, int) and abs(value) <= INT64) or (
        isinstance(value, float) and math.isfinite(value)
    ):
        return value
    raise InvalidInput(f"the metadata holds {value!r}, which JSON with 64-bit numbers cannot")


def _checked_vector(leg: Leg, vector: Vector, dimension: int) -> Vector:
    array = np.asarray(vector)
    if array.dtype.kind != "f" or array.shape != (dimension,):
        raise InvalidInput(
            f"the {leg} vector is {array.dtype} of shape {array.shape}, not floats of shape ({dimension},)"
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InvalidInput(f"the {leg} vector holds NaN or infinity")
    # Zero in float32 too: the norm is what the cosine divides by.
    if not np.linalg.norm(array) > 0:
        raise InvalidInput(f"the {leg} vector is zero")
    return array
