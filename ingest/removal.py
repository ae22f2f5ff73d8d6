"""Deleting items, sources, collections: vectors, originals, records. What is broken off is finished later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Literal

from ingest.parts import delete_parts, follow, has_beneath
from ingest.system import Parts
from rag.errors import NotFound
from rag.records.places import FIGURE
from rag.records.types import Removal
from rag.types import Kind, Row, Scope
from rag.types import item_id as id_of

KINDS: Final[tuple[Kind, ...]] = ("image", "passage")
PAGE: Final = 500


def remove(
    parts: Parts, scope: Scope, target: Literal["item", "source", "collection"], name: str = ""
) -> int:
    """Delete an item (by id), a source (by name) or a whole collection; how many items went.

    With a source goes an item that has no other. Raises NotFound when there is nothing of that name. Killed
    at any point, the rest is done by ``finish_removals``.
    """
    finish_removals(parts, scope)
    with parts.records.writing_to(scope):
        contents = _contents(parts, scope, target, name)
        if contents is None:
            what = f"the collection {scope.collection!r}"
            raise NotFound(f"there is no {target} {name!r} in {what}" if name else f"{what} is not there")
        removal = parts.records.removals.begin(scope, target, name, sorted(contents))
        gone = _carry_out(parts, removal)
    _end(parts, removal)
    return gone


def hold(parts: Parts, scope: Scope, item_id: str, noted: Callable[[], object]) -> bool:
    """Take an item with its parts out of search; its original, its sources and its edits stay.

    ``noted`` keeps the review that says why and that it is held; killed before that, nothing has happened,
    and killed after it, the rest is done by ``finish_removals``. False when the item is not there.
    """
    with parts.records.writing_to(scope):
        if not parts.store.get(scope, "image", [item_id]):
            return False
        figures = _figures(parts, scope, item_id)
        removal = parts.records.removals.begin(scope, "hold", item_id, figures)
        noted()
        _carry_out(parts, removal)
    _end(parts, removal)
    return True


def finish_removals(parts: Parts, scope: Scope | None = None) -> int:
    """Carry out what was begun and broken off, in one collection or all; how many deletions that were.

    Whoever puts down new files for a collection calls it before, so that no old deletion takes them away.
    """
    removals = parts.records.removals
    finished = 0
    for removal in removals.unfinished(scope):
        with parts.records.writing_to(removal.scope):
            if removal not in removals.unfinished(removal.scope):
                continue  # another process did it meanwhile
            removal = _whole(parts, removal)
            _carry_out(parts, removal)
        _end(parts, removal)
        finished += 1
    return finished


def drop_unused(parts: Parts, sha256s: Iterable[str]) -> int:
    """Delete those of the originals that no source of any tenant holds, and no file under way; how many."""
    asked = sorted(set(sha256s) - {""})
    records, gone = parts.records, 0
    for start in range(0, len(asked), PAGE):
        some = asked[start : start + PAGE]
        with records.originals():
            unused = set(some) - records.places.uses(some) - records.jobs.uses(some)
            gone += sum(parts.blobs.delete(sha256) for sha256 in sorted(unused))
            records.model_captions.forget(sorted(unused))
    return gone


def drop_staged(parts: Parts, names: Iterable[str]) -> None:
    """Delete those of the staged bytes that no file waits for, or may be made of when it is tried again."""
    asked = sorted(set(names) - {""})
    for name in sorted(set(asked) - parts.records.jobs.needs(asked)) if asked else ():
        parts.staged.delete(name)


def _contents(parts: Parts, scope: Scope, target: str, name: str) -> set[str] | None:
    """The hashes of originals that belong to what goes; None when there is nothing of that name."""
    places = parts.records.places
    if target == "collection":
        known = places.contents(scope)
        return known if known or any(parts.store.count(scope, kind) for kind in KINDS) else None
    if target == "source":
        found = places.of(scope, [name])
        return _originals(parts, scope, [place.item_id for place in found]) if found else None
    items = [item for kind in KINDS for item in parts.store.get(scope, kind, [name])]
    contents = {item.content_hash for item in items} | _originals(parts, scope, [name])
    return contents or None


def _whole(parts: Parts, removal: Removal) -> Removal:
    """With all originals that it concerns: who rejects a review puts down that of the item alone."""
    if removal.target != "item":
        return removal
    found = _contents(parts, removal.scope, removal.target, removal.name) or set()
    if found <= set(removal.contents):
        return removal
    contents = sorted(found | set(removal.contents))
    return parts.records.removals.begin(removal.scope, "item", removal.name, contents)


def _originals(parts: Parts, scope: Scope, item_ids: list[str]) -> set[str]:
    """What items are made of, the pictures in documents included."""
    places = parts.records.places
    sources = [name for names in places.sources_of(scope, item_ids).values() for name in names]
    return {place.sha256 for place in places.of(scope, sources) if place.item_id in item_ids}


def _carry_out(parts: Parts, removal: Removal) -> int:
    """How many items went. To be called while holding ``records.writing_to`` of the scope."""
    scope, records = removal.scope, parts.records
    if removal.target == "item":
        gone = _without_item(parts, scope, removal.name)
        made_of = next((one for one in removal.contents if id_of(scope, one) == removal.name), "")
        records.receipts.deleted(scope, item_id=removal.name, sha256=made_of)
        return gone
    if removal.target == "hold":
        return _without_held(parts, scope, removal.name)
    if removal.target == "source":
        gone = _without_source(parts, scope, removal.name)
        records.receipts.deleted(scope, source=removal.name)
        return gone
    gone = sum(_without_all(parts, scope, kind) for kind in KINDS)
    records.places.forget_collection(scope)
    records.jobs.forget_collection(scope)
    records.receipts.deleted(scope)
    records.readings.forget_collection(scope)
    records.captionings.forget_collection(scope)
    records.edits.forget_collection(scope)
    records.reviews.forget_collection(scope)
    records.classifiers.forget_collection(scope)
    return gone


def _end(parts: Parts, removal: Removal) -> None:
    drop_unused(parts, removal.contents)
    parts.records.removals.end(removal)


def _without_all(parts: Parts, scope: Scope, kind: Kind) -> int:
    gone, after = 0, ""
    while items := parts.store.scan(scope, kind, after=after, limit=PAGE):
        after = items[-1].id
        gone += parts.store.delete(scope, kind, [item.id for item in items])
    return gone


def _without_item(parts: Parts, scope: Scope, item_id: str) -> int:
    delete_parts(parts.store, scope, [item_id])
    gone = sum(parts.store.delete(scope, kind, [item_id]) for kind in KINDS)
    parts.records.edits.forget(scope, [item_id])
    parts.records.reviews.release_items(scope, [item_id])
    _forget(parts, scope, [item_id])
    return gone


def _without_held(parts: Parts, scope: Scope, item_id: str) -> int:
    # Decided meanwhile, it is taken out all the same: what is half there does not come back as a whole.
    if not parts.records.reviews.held(scope, [item_id], decided=True):
        return 0
    delete_parts(parts.store, scope, [item_id])
    gone = parts.store.delete(scope, "image", [item_id])
    parts.records.receipts.held(scope, item_id)
    # They are read from the original again, should it come back.
    parts.records.places.forget_figures(scope, [item_id])
    return gone


def _figures(parts: Parts, scope: Scope, item_id: str) -> list[str]:
    """The hashes of the pictures in a document, or of the frames of a video."""
    noted = parts.records.places.sources_of(scope, [item_id]).get(item_id, [])
    found = parts.records.places.of(scope, [name for name in noted if name.startswith(FIGURE)])
    return sorted({place.sha256 for place in found})


def _without_source(parts: Parts, scope: Scope, source: str) -> int:
    ids = [place.item_id for place in parts.records.places.of(scope, [source])]
    rows = [_without(row, source) for row in parts.store.rows(scope, "image", ids)]
    kept = [row for row in rows if row.item.sources]
    lost = [row.item.id for row in rows if not row.item.sources]
    lost += _away(parts, scope, source, set(ids) - {row.item.id for row in rows})
    parts.store.upsert(kept)
    for row in kept:
        if has_beneath(row.item):
            follow(parts.store, scope, row.item)
    gone = sum(_without_item(parts, scope, item_id) for item_id in lost)
    parts.records.places.forget(scope, [source])
    return gone


def _away(parts: Parts, scope: Scope, source: str, item_ids: set[str]) -> list[str]:
    """Of items that are not there, those without another source: with them goes what was said of them."""
    noted = parts.records.places.sources_of(scope, sorted(item_ids))
    others = {
        one: [n for n in names if n != source and not n.startswith(FIGURE)] for one, names in noted.items()
    }
    return [one for one in sorted(item_ids) if not others.get(one)]


def _forget(parts: Parts, scope: Scope, item_ids: list[str]) -> None:
    """No source holds these items any more."""
    places = parts.records.places
    pairs = [(name, item) for item, names in places.sources_of(scope, item_ids).items() for name in names]
    places.forget_pairs(scope, pairs)


def _without(row: Row, source: str) -> Row:
    return replace(row, item=replace(row.item, sources=tuple(s for s in row.item.sources if s != source)))
