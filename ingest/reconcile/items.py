"""The items of a collection: are their sources noted, their originals kept, their documents whole?"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.parts import DOCUMENT, has_parts
from ingest.reconcile.again import Again
from ingest.reconcile.differences import Difference, Found, Remedy, Tell
from ingest.system import Parts
from rag.records.places import FIGURE
from rag.records.types import Place
from rag.types import Item, Kind, Scope, Where

KINDS: tuple[Kind, ...] = ("image", "passage")


class ItemCheck:
    """Looks at a page of items. Whoever calls it writes to the collection alone meanwhile."""

    def __init__(self, parts: Parts, scope: Scope, again: Again, tell: Tell) -> None:
        self._parts = parts
        self._scope = scope
        self._again = again
        self._told = tell

    def items(self, page: Sequence[Item]) -> None:
        """Items with sources of their own: pictures, and documents as a whole."""
        places = self._parts.records.places
        noted = places.sources_of(self._scope, [item.id for item in page])
        without = [
            Place(source, item.id, item.content_hash, sole=False)
            for item in page
            for source in item.sources
            if source not in noted.get(item.id, ())
        ]
        places.put(self._scope, [place for place in without if self._tell("no-place", place.source, "place")])
        for item in page:
            if not self._parts.blobs.exists(item.content_hash):
                self._no_original(item)
            elif has_parts(item) and self._parts_of(item) < _expected(item):
                self._read_again("incomplete-document", item)

    def parts(self, page: Sequence[Item]) -> None:
        """Passages and figures of documents."""
        parents = list(dict.fromkeys(item.parent_id for item in page))
        there = {item.id: item for item in self._parts.store.get(self._scope, "image", parents)}
        known = self._parts.records.places.sources_of(self._scope, parents)
        # A document that is to be read again takes its parts over.
        coming = {parent for parent, names in known.items() if any(not n.startswith(FIGURE) for n in names)}
        orphans = [item for item in page if item.parent_id not in there and item.parent_id not in coming]
        gone = [item for item in orphans if self._tell("lost-parent", item.id, "delete")]
        for kind in KINDS:
            if ids := [item.id for item in gone if item.kind == kind]:
                self._parts.store.delete(self._scope, kind, ids)
        for item in page:
            if item.kind == "image" and item.parent_id in there:
                self._figure(item, there[item.parent_id])

    def _figure(self, item: Item, parent: Item) -> None:
        places, sha256 = self._parts.records.places, item.content_hash
        noted = places.of(self._scope, [f"{FIGURE}{parent.id}:{sha256}"])
        if not noted and self._tell("no-place", item.id, "place"):
            places.put_figures(self._scope, {parent.id: [sha256]})
        if not self._parts.blobs.exists(sha256):
            self._read_again("no-original", parent, name=item.id)

    def _no_original(self, item: Item) -> None:
        if not self._again.can(item.sources):
            self._tell("no-original", item.id, "person")
        elif self._tell("no-original", item.id, "ingest"):
            self._again.add(item.sources)

    def _read_again(self, kind: Found, document: Item, name: str = "") -> None:
        """Only a document that is not there is read: its own item goes; its parts stay until replaced."""
        name = name or document.id
        if not self._again.can(document.sources, document.content_hash):
            self._tell(kind, name, "person")
        elif self._tell(kind, name, "ingest"):
            self._parts.store.delete(self._scope, "image", [document.id])
            self._again.add(document.sources, document.content_hash)

    def _parts_of(self, document: Item) -> int:
        where = Where("parent_id", "in", (document.id,))
        return sum(self._parts.store.count(self._scope, kind, where) for kind in KINDS)

    def _tell(self, kind: Found, name: str, remedy: Remedy) -> bool:
        return self._told(Difference(kind, self._scope, name, remedy))


def _expected(document: Item) -> int:
    """How many parts were read."""
    summary = document.metadata.get(DOCUMENT)
    if not isinstance(summary, dict):
        return 0
    counts = (summary.get("passages"), summary.get("figures"), summary.get("sounds"))
    return sum(count for count in counts if isinstance(count, int))
