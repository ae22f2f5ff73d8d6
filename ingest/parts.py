"""What a file becomes besides its own item: the passages and figures of a document, further frames and pages.

A document's own item says that all its parts are stored: it is written after them, holds the sources, and has
neither vectors nor words of its own, so that no search finds it. The item of an animation or of a TIFF is its
first picture, and its further ones are parts. Parts name their item as their parent, have its sources, and go
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ingest.descriptions import RESERVED
from ingest.documents import Document, Figure, Passage
from ingest.origins import CAPTION_ORIGIN, PERSON, TAGS_ORIGIN, tags_origin
from rag.protocols import Store
from rag.types import JSON, Filter, Item, Kind, Row, Scope, Vector, Where, content_hash, item_id

KINDS: tuple[Kind, ...] = ("image", "passage")
PAGE = 500
ReadBack: TypeAlias = Callable[[Mapping[str, Item], Kind], set[str]]
"""Gives the ids of those items that are stored as they should be."""
DOCUMENT = "document"
"""The modality of a document's own item, and the key of the metadata of each item with parts."""
TIFF = "tiff"
"""What an item of several pages that are pictures says it is."""


@dataclass(slots=True, eq=False)
class Part:
    """A passage, or a figure, whose picture is kept beside the original, on its way into the store."""

    item: Item
    image_vector: Vector | None = None
    caption_vector: Vector | None = None

    @property
    def row(self) -> Row:
        return Row(self.item, self.image_vector, self.caption_vector)


def parts_of(document: Document, parent: Item) -> list[Part]:
    """The parts of a document whose own item is ``parent``; passages first."""
    return [
        *(_passage(passage, document, parent) for passage in document.passages),
        *(_figure(figure, document, parent) for figure in document.figures),
    ]


def _passage(passage: Passage, document: Document, parent: Item) -> Part:
    metadata: dict[str, JSON] = {"title": document.title}
    if passage.box is not None:
        metadata["box"] = [round(value, 1) for value in passage.box]
    if passage.context:
        metadata[CAPTION_ORIGIN] = "heading"
    item = part_of(parent, passage.part, "passage", passage.page, metadata)
    return Part(replace(item, modality="text", caption=passage.context, text=passage.text))


def _figure(figure: Figure, document: Document, parent: Item) -> Part:
    metadata: dict[str, JSON] = {
        "title": document.title,
        "near": [passage.part for passage in figure.near],
    }
    if figure.whole_page:
        metadata["whole_page"] = True
    if figure.box is not None:
        metadata["box"] = [round(value, 1) for value in figure.box]
    if figure.caption:
        metadata[CAPTION_ORIGIN] = figure.caption_origin
    item = part_of(parent, figure.part, "image", figure.page, metadata)
    item = replace(
        item, caption=figure.caption[:2000], text=figure.about, content_hash=content_hash(figure.data)
    )
    return Part(item)


def part_of(parent: Item, part: str, kind: Kind, page: int, metadata: Mapping[str, JSON]) -> Item:
    """The item of a part, with the sources and tags of its parent, without words."""
    scope = Scope(parent.tenant, parent.collection)
    return replace(
        parent,
        id=item_id(scope, parent.content_hash, part),
        kind=kind,
        modality="image",
        part=part,
        parent_id=parent.id,
        page=page,
        caption="",
        text="",
        metadata=_tagged(metadata, parent),
    )


def _tagged(metadata: Mapping[str, JSON], parent: Item) -> dict[str, JSON]:
    """With the origin of the tags, which are the document's."""
    origin = tags_origin(parent)
    rest = {key: value for key, value in metadata.items() if key != TAGS_ORIGIN}
    return {**rest, TAGS_ORIGIN: origin} if origin else rest


def summary(document: Document) -> dict[str, JSON]:
    """What a document's own item says about it."""
    return {
        "title": document.title,
        "kind": document.kind,
        "pages": document.pages,
        "passages": len(document.passages),
        "figures": len(document.figures),
        **document.metadata,
    }


def told(document: Document) -> str:
    """The same for a receipt."""
    counts = ((len(document.passages), "passage"), (len(document.figures), "figure"))
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts)


def words_of(item: Item) -> str:
    """What an item's caption vector is made of; empty when it has none.

    The text in a picture is part of it only where nothing was written about the picture: a scanned page.
    """
    alone = not item.caption and not item.metadata.get("near")
    return "\n".join(text for text in (item.caption, item.text, item.ocr if alone else "") if text)


def has_parts(item: Item) -> bool:
    """Whether other items are parts of this one."""
    return DOCUMENT in item.metadata


def has_beneath(item: Item) -> bool:
    """Whether other items go with this one: its parts, or the text that was read in it."""
    return has_parts(item) or bool(item.ocr)


def stands_in_document(item: Item) -> bool:
    """Whether a picture is a figure, or a page of a TIFF that has several."""
    said = item.metadata.get(DOCUMENT)
    first_page = isinstance(said, dict) and said.get("kind") == TIFF
    return (bool(item.parent_id) and not item.is_moment) or first_page


def given(metadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """The metadata of an item without what Olhar itself says there."""
    return {key: value for key, value in metadata.items() if key not in RESERVED}


def write_parts(store: Store, scope: Scope, parts: Sequence[Part], read_back: ReadBack) -> set[str]:
    """Write the parts of documents, take away those of an earlier reading; the ids of the documents that are
    whole. Raises what the store raises."""
    lost: set[str] = set()
    for start in range(0, len(parts), PAGE):
        some = parts[start : start + PAGE]
        store.upsert([part.row for part in some])
        for kind in KINDS:
            expected = {part.item.id: part.item for part in some if part.item.kind == kind}
            lost |= set(expected) - read_back(expected, kind)
    parents = list(dict.fromkeys(part.item.parent_id for part in parts))
    written = {part.item.id for part in parts}
    for kind in KINDS:
        stale = [item.id for item in children(store, scope, kind, parents) if item.id not in written]
        if stale:
            store.delete(scope, kind, stale)
    return set(parents) - {part.item.parent_id for part in parts if part.item.id in lost}


def follow(store: Store, scope: Scope, parent: Item) -> None:
    """Give the parts of a document its sources and tags; a part whose tags a person wrote keeps those."""
    for kind in KINDS:
        found = children(store, scope, kind, [parent.id])
        moved = [item.id for item in found if _following(item, parent) != item]
        for start in range(0, len(moved), PAGE):
            rows = store.rows(scope, kind, moved[start : start + PAGE])
            store.upsert([replace(row, item=_following(row.item, parent)) for row in rows])


def _following(part: Item, parent: Item) -> Item:
    moved = replace(part, sources=parent.sources)
    if tags_origin(part) == PERSON:
        return moved
    return replace(moved, tags=parent.tags, metadata=_tagged(part.metadata, parent))


def delete_parts(store: Store, scope: Scope, parents: Sequence[str]) -> None:
    """Remove all parts of these items; items that are no documents have none."""
    for kind in KINDS:
        found = [item.id for item in children(store, scope, kind, parents)]
        if found:
            store.delete(scope, kind, found)


def children(store: Store, scope: Scope, kind: Kind, parents: Sequence[str]) -> Iterator[Item]:
    """The stored parts of these items."""
    if not parents:
        return
    yield from scanned(store, scope, kind, Where("parent_id", "in", tuple(parents)))


def scanned(store: Store, scope: Scope, kind: Kind, where: Filter | None) -> Iterator[Item]:
    """All items that a filter lets through, page by page."""
    after = ""
    while page := store.scan(scope, kind, where=where, after=after, limit=PAGE):
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id
