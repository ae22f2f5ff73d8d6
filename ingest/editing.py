"""What a person says of an item: it is believed before all sources, until it is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from ingest.caption_pass import NONE
from ingest.descriptions import CAPTION_BYTES, METADATA_BYTES, RESERVED, TAGS, Description, describe
from ingest.layers import edit_of, layered, named_by, said_of
from ingest.origins import tags_origin
from ingest.parts import follow, given, has_beneath, words_of
from ingest.steps import encoded
from ingest.system import Parts
from rag.errors import Changed, InvalidInput, NotFound, StoreUnavailable
from rag.records.types import Edit
from rag.types import JSON, Item, Kind, Row, Scope, Vector

KINDS: Final[tuple[Kind, ...]] = ("image", "passage")
READ_BACKS: Final = 5
READ_BACK_S: Final = 0.05


class Untouched(Enum):
    """What a change says nothing about."""

    UNTOUCHED = "untouched"


UNTOUCHED: Final = Untouched.UNTOUCHED


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed of an item; None takes back what a person said before.

    An empty caption, or no tags, are meant to be empty. ``metadata`` is a JSON merge patch (RFC 7396): a key
    that is null is taken away, and each key that it names is the person's from then on, as a whole.
    """

    caption: str | Untouched | None = UNTOUCHED
    tags: tuple[str, ...] | Untouched | None = UNTOUCHED
    metadata: Mapping[str, JSON] | Untouched | None = UNTOUCHED


def edit_item(
    parts: Parts,
    scope: Scope,
    item_id: str,
    change: Change,
    *,
    if_still: Callable[[Item], bool] = lambda _: True,
    clock: Callable[[], float] = time.time,
) -> Item:
    """The item as it is stored after the change, read back.

    What is taken back is again what the sources said last. Raises NotFound, InvalidInput for what cannot be
    stored, Changed unless the item is ``if_still`` what the change was made for, and what store, encoder and
    records raise; then nothing has changed.
    """
    change = _usable(change)
    with parts.records.writing_to(scope):
        row = _row(parts, scope, item_id)
        if not if_still(row.item):
            raise Changed(f"the item {item_id} was changed since it was read; read it again, and change that")
        before = parts.records.edits.of(scope, [item_id]).get(item_id)
        kept = edit_of(row.item, before)
        if kept is None:
            kept = Edit(said=said_of(row.item, None))
        edit = _changed(_after_its_document(parts, scope, row.item, kept), row.item, change)
        item = layered(row.item, edit.said, edit)
        if item != row.item:
            item = replace(item, updated_at=int(clock()))
            _check_size(item)
        row = replace(row, item=item, caption_vector=_vector(parts, row, item))
        with _kept(parts, scope, item, edit, before):
            _write(parts, scope, row)
        if parts.settings.captioner != NONE and item.kind == "image":
            parts.records.captionings.expect(scope, [item_id])
    return item


@contextmanager
def _kept(parts: Parts, scope: Scope, item: Item, edit: Edit, before: Edit | None) -> Iterator[None]:
    """Keep the edit while its item is written; if that fails, the one of before again.

    It is kept first, and what it knows of the sources is kept in any case: an item that was written after all
    would show a person's words only.
    """
    edits = parts.records.edits
    edits.put(scope, item.id, item.parent_id, edit)
    try:
        yield
    except BaseException:
        edits.put(scope, item.id, item.parent_id, before or Edit(said=edit.said))
        raise
    if not edit:
        edits.take_back(scope, item.id)


def _after_its_document(parts: Parts, scope: Scope, item: Item, edit: Edit) -> Edit:
    """With the tags that the document of a part has now: parts follow it."""
    for kind in KINDS if item.parent_id else ():
        for parent in parts.store.get(scope, kind, [item.parent_id]):
            return replace(edit, said=replace(edit.said, tags=parent.tags, tags_origin=tags_origin(parent)))
    return edit


def _row(parts: Parts, scope: Scope, item_id: str) -> Row:
    for kind in KINDS:
        for row in parts.store.rows(scope, kind, [item_id]):
            return row
    raise NotFound(f"there is no item {item_id} in the collection {scope.collection!r}")


def _changed(edit: Edit, item: Item, change: Change) -> Edit:
    metadata = change.metadata
    if metadata is None:
        edit = replace(edit, metadata={})
    elif metadata is not UNTOUCHED:
        edit = replace(edit, metadata={**edit.metadata, **named_by(given(item.metadata), metadata)})
    return replace(
        edit,
        caption=edit.caption if change.caption is UNTOUCHED else change.caption,
        tags=edit.tags if change.tags is UNTOUCHED else change.tags,
    )


def _vector(parts: Parts, row: Row, item: Item) -> Vector | None:
    words = words_of(item)
    if words == words_of(row.item):
        return row.caption_vector
    if not words:
        return None
    (vector,) = encoded([words], parts.text_encoder.encode_documents)
    if isinstance(vector, str):
        raise InvalidInput(f"the caption could not be encoded: {vector}")
    return vector


def _write(parts: Parts, scope: Scope, row: Row) -> None:
    item = row.item
    parts.store.upsert([row])
    for attempt in range(READ_BACKS):
        time.sleep(READ_BACK_S * attempt)
        if item in parts.store.get(scope, item.kind, [item.id]):
            break
    else:
        raise StoreUnavailable(f"the item {item.id} was written and not found when read back; try again")
    if has_beneath(item):
        follow(parts.store, scope, item)


def _usable(change: Change) -> Change:
    """Without white space around its words. A person is told what cannot be stored; of a source it is cut."""
    caption = "" if change.caption is UNTOUCHED else change.caption or ""
    tags = () if change.tags is UNTOUCHED else change.tags or ()
    metadata = {} if change.metadata is UNTOUCHED else change.metadata or {}
    if taken := sorted(RESERVED & metadata.keys()):
        raise InvalidInput(f"metadata of these names is Olhar's own: {', '.join(taken)}; choose others")
    clean = describe(Description(caption=caption, tags=tags), all_captions=False)
    if clean.note:
        raise InvalidInput(
            f"too long ({clean.note}); a caption has at most {CAPTION_BYTES} bytes, an item {TAGS} tags"
        )
    return replace(
        change,
        caption=clean.caption if isinstance(change.caption, str) else change.caption,
        tags=clean.tags if isinstance(change.tags, tuple) else change.tags,
    )


def _check_size(item: Item) -> None:
    note = describe(Description(metadata=given(item.metadata)), all_captions=False).note
    if note:
        raise InvalidInput(f"too much metadata ({note}); at most {METADATA_BYTES} bytes as JSON")
