"""A whole collection sorted into labels, kept as tags where nobody else gave any."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ingest.origins import MODEL, PERSON, TAGS_ORIGIN, from_model, tags_origin
from ingest.parts import follow, has_beneath, scanned
from ingest.system import Parts
from rag.errors import StoreUnavailable
from rag.types import JSON, AllOf, Item, Matrix, Row, Scope, Where
from rag.vision.zero_shot import Classified

PAGE: Final = 256
READ_BACKS: Final = 5
READ_BACK_S: Final = 0.05
PHOTOS: Final = AllOf((Where("modality", "eq", "image"), Where("parent_id", "eq", "")))
"""What is sorted: no figures, pages and frames, and not what they are in."""
Classify = Callable[[Matrix], Sequence[Classified]]


@dataclass(frozen=True, slots=True)
class Sorted:
    """How many pictures got each label, and how many none. ``tagged``: how many tags were written;
    ``kept``: how many have tags of a person or a source, which stay."""

    pictures: int
    labels: Mapping[str, int]
    none: int
    tagged: int
    kept: int


def sort_collection(
    parts: Parts, scope: Scope, classify: Classify, *, name: str, multi: bool, threshold: float, store: bool
) -> Sorted:
    """Sort the photos of a collection; with ``store`` their labels become tags of the model ``name``.

    ``multi``: all labels from ``threshold`` on; else the likeliest, if it is as likely as that. Raises what
    store and records raise; what was written until then stays, and sorting again is the remedy.
    """
    counts: Counter[str] = Counter()
    pictures = none = tagged = kept = 0
    ids = [item.id for item in scanned(parts.store, scope, "image", PHOTOS)]
    for start in range(0, len(ids), PAGE):
        found = _found(parts, scope, ids[start : start + PAGE], classify, multi, threshold)
        pictures += len(found)
        counts.update(label for labels in found.values() for label in labels)
        none += sum(not labels for labels in found.values())
        if store:
            written, stayed = _write(parts, scope, found, f"{MODEL}{name}")
            tagged, kept = tagged + written, kept + stayed
    return Sorted(pictures, dict(counts.most_common()), none, tagged, kept)


def _found(
    parts: Parts, scope: Scope, ids: Sequence[str], classify: Classify, multi: bool, threshold: float
) -> dict[str, tuple[str, ...]]:
    rows = [row for row in parts.store.rows(scope, "image", ids) if row.image_vector is not None]
    vectors = [row.image_vector for row in rows if row.image_vector is not None]
    told = classify(np.stack(vectors)) if vectors else []
    return {
        row.item.id: _labels(one, multi=multi, threshold=threshold)
        for row, one in zip(rows, told, strict=True)
    }


def _labels(found: Classified, *, multi: bool, threshold: float) -> tuple[str, ...]:
    if multi:
        return tuple(one.name for one in found.labels if one.probability >= threshold)
    best = found.best
    return (best.name,) if best is not None and best.probability >= threshold else ()


def _write(parts: Parts, scope: Scope, found: Mapping[str, tuple[str, ...]], origin: str) -> tuple[int, int]:
    """How many were written, and how many keep what somebody else said, by the rows as they are now."""
    with parts.records.writing_to(scope):
        rows = parts.store.rows(scope, "image", list(found))
        free = [row for row in rows if _free(row.item)]
        new = [_tagged(row, found[row.item.id], origin) for row in free]
        changed = [row for row, before in zip(new, free, strict=True) if row is not before]
        if changed:
            parts.store.upsert(changed)
            _read_back(parts, scope, [row.item for row in changed])
        for row in changed:
            if has_beneath(row.item):
                follow(parts.store, scope, row.item)
    return len(changed), len(rows) - len(free)


def _free(item: Item) -> bool:
    """Whether nobody but a model gave it tags, nor meant it to have none."""
    origin = tags_origin(item)
    return from_model(origin) or (not item.tags and origin != PERSON)


def _tagged(row: Row, tags: tuple[str, ...], origin: str) -> Row:
    before = row.item
    metadata: dict[str, JSON] = {k: v for k, v in before.metadata.items() if k != TAGS_ORIGIN}
    metadata |= {TAGS_ORIGIN: origin} if tags else {}
    if (before.tags, dict(before.metadata)) == (tags, metadata):
        return row
    return replace(row, item=replace(before, tags=tags, metadata=metadata, updated_at=int(time.time())))


def _read_back(parts: Parts, scope: Scope, items: Sequence[Item]) -> None:
    missing = {item.id: item for item in items}
    for attempt in range(READ_BACKS):
        time.sleep(READ_BACK_S * attempt)
        for item in parts.store.get(scope, "image", sorted(missing)):
            if item.tags == missing[item.id].tags:
                del missing[item.id]
        if not missing:
            return
    raise StoreUnavailable(f"{len(missing)} tags were written and not found when read back; sort again")
