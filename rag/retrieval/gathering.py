"""The rows of candidates; the text read in a photo comes with its photo and is no hit of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rag.protocols import Store
from rag.types import READ_IN_PICTURE, AllOf, Filter, Row, Scope, Vector, Where, reading_id


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows to be scored, and by the id of a photo the vector of the text read in it."""

    rows: Sequence[Row]
    readings: Mapping[str, Vector] = field(default_factory=dict)


def gather(
    store: Store, scope: Scope, images: Iterable[str], passages: Iterable[str], where: Filter | None
) -> Gathered:
    """The rows of these candidates, photos for texts that were read in them.

    A photo that comes by its text alone fulfils the filter too. Every photo with a text is scored by it,
    whichever leg found the photo.
    """
    found = store.rows(scope, "passage", sorted(passages))
    read = {row.item.parent_id: row for row in found if row.item.modality == READ_IN_PICTURE}
    by_text = read.keys() - set(images)
    rows = store.rows(scope, "image", sorted({*images, *_fitting(store, scope, by_text, where)}))
    unread = [row.item for row in rows if row.item.ocr and not row.item.parent_id and row.item.id not in read]
    if unread:
        more = store.rows(scope, "passage", [reading_id(item) for item in unread])
        read |= {row.item.parent_id: row for row in more}
    told = {photo: row.caption_vector for photo, row in read.items() if row.caption_vector is not None}
    return Gathered([*rows, *(row for row in found if row.item.modality != READ_IN_PICTURE)], told)


def _fitting(store: Store, scope: Scope, photos: Iterable[str], where: Filter | None) -> list[str]:
    """Those of the photos that fulfil the filter, of which their texts may know an earlier state."""
    ids = sorted(photos)
    if not ids or where is None:
        return ids
    condition = AllOf((where, Where("id", "in", ids)))
    return [item.id for item in store.scan(scope, "image", where=condition, limit=len(ids))]
