"""The items of a data set as hits and as rows of a store."""

from __future__ import annotations

from collections.abc import Iterator

from rag.evaluation.prepared import Prepared
from rag.types import Item, Row, Scope

SCOPE = Scope("olhar", "evaluation")


def item(ready: Prepared, place: int) -> Item:
    """The item at a place. Ids are in the order of the places, so that equal scores are ordered alike."""
    text, passage = ready.plan.stored[place], bool(ready.dataset.passages)
    return Item(
        id=f"{place:032d}",
        tenant=SCOPE.tenant,
        collection=SCOPE.collection or "",
        content_hash=f"{place:064d}",
        sources=(ready.names[place],),
        kind="passage" if passage else "image",
        modality="text" if passage else "image",
        caption="" if passage else text,
        text=text if passage else "",
    )


def place_of(one: Item) -> int:
    """Where an item made by ``item`` stands."""
    return int(one.id)


def rows(ready: Prepared) -> Iterator[Row]:
    """All items with their vectors."""
    for place in range(len(ready.plan.stored)):
        image = None if ready.images is None else ready.images[place]
        yield Row(item(ready, place), image, ready.texts.get(place))
