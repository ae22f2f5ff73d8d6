"""What the records say of a collection: is the item there that a source or a receipt names?"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.reconcile.again import Again
from ingest.reconcile.differences import Difference, Found, Remedy, Tell
from ingest.system import Parts
from rag.records.places import FIGURE
from rag.records.types import FileRow, Place
from rag.types import Scope


class NotedCheck:
    """Looks at a page of records. Whoever calls it writes to the collection alone meanwhile.

    A source that a job is at work on is left to it, and an item that moderation took out of search to whoever
    decides about it.
    """

    def __init__(self, parts: Parts, scope: Scope, again: Again, tell: Tell) -> None:
        self.needed: set[str] = set()
        """Originals that nothing but a lost receipt speaks of: from them its item can be made again."""
        self._parts = parts
        self._scope = scope
        self._again = again
        self._told = tell

    def places(self, page: Sequence[Place]) -> None:
        """Sources whose item is not there."""
        records = self._parts.records
        missing = self._missing([place.item_id for place in page])
        lost = [place for place in page if place.item_id in missing]
        sources = [place.source for place in lost]
        busy = records.receipts.under_way(self._scope, sources)
        still = {(place.source, place.item_id) for place in records.places.of(self._scope, sources)}
        for place in lost:
            if (place.source, place.item_id) not in still or place.source in busy:
                continue
            if place.source.startswith(FIGURE):
                self._figure(place)
            else:
                self._again_or_person("no-item", place.source, place.sha256)

    def receipts(self, page: Sequence[FileRow]) -> None:
        """Receipts of items that are not there, where no place tells of it."""
        records = self._parts.records
        missing = self._missing([row.item_id for row in page])
        lost = [row for row in page if row.item_id in missing]
        known = records.places.sources_of(self._scope, [row.item_id for row in lost])
        for row in lost:
            newest = records.receipts.last(self._scope, row.source)
            if newest == row and row.source not in known.get(row.item_id, ()):
                self.needed.add(row.sha256)
                self._again_or_person("lost-receipt", row.source, row.sha256)

    def _missing(self, item_ids: Sequence[str]) -> set[str]:
        ids = list(dict.fromkeys(item_ids))
        there = {item.id for item in self._parts.store.get(self._scope, "image", ids)}
        return set(ids) - there - self._parts.records.reviews.held(self._scope, ids).keys()

    def _figure(self, place: Place) -> None:
        """A picture of a document that is gone for good; one that is read again is noted again."""
        places = self._parts.records.places
        sources = places.sources_of(self._scope, [place.item_id]).get(place.item_id, [])
        gone = all(source.startswith(FIGURE) for source in sources)
        if gone and self._tell("no-item", place.item_id, "delete"):
            places.forget_pairs(self._scope, [(place.source, place.item_id)])

    def _again_or_person(self, kind: Found, source: str, sha256: str) -> None:
        if self._again.wants(source):
            return
        if not self._again.can([source], sha256):
            self._tell(kind, source, "person")
        elif self._tell(kind, source, "ingest"):
            self._again.add([source], sha256)

    def _tell(self, kind: Found, name: str, remedy: Remedy) -> bool:
        return self._told(Difference(kind, self._scope, name, remedy))
