"""Search a collection: by text, by pictures, by the like of items, or by several of these."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rag.courtesy import SEARCHES
from rag.observing import step
from rag.protocols import Hearing, ImageEncoder, Store, TextEncoder
from rag.retrieval import encoding, paging
from rag.retrieval.diversity import diverse
from rag.retrieval.encoding import MAX_CHARACTERS as MAX_QUERY_CHARACTERS
from rag.retrieval.encoding import EncodedQuery
from rag.retrieval.fairness import fairly
from rag.retrieval.fusion import probability
from rag.retrieval.gathering import Gathered, gather
from rag.retrieval.grouping import Grouped, grouped
from rag.retrieval.insight import Insight
from rag.retrieval.legs import candidates, score
from rag.retrieval.lengths import overlong_query
from rag.retrieval.paging import Cursor
from rag.retrieval.ranking import Ranked, ranked, shown
from rag.types import (
    AUDIO,
    AllOf,
    Calibration,
    Filter,
    Hit,
    Kind,
    Not,
    Query,
    Row,
    Scope,
    SearchOptions,
    SearchResult,
    Where,
)

KINDS: tuple[Kind, ...] = ("image", "passage")
SOUNDS: Final = Where("modality", "eq", AUDIO)
DEFAULT = SearchOptions()

__all__ = ["MAX_QUERY_CHARACTERS", "Retriever"]


@dataclass(frozen=True, slots=True)
class _Page:
    """What is listed on a page, whether more may follow, and how many seconds fusing took."""

    listed: list[Grouped]
    more: bool
    fused: float


class Retriever:
    """Candidates of every leg, exact scores for their union, one calibrated order."""

    def __init__(
        self,
        store: Store,
        images: ImageEncoder,
        texts: TextEncoder,
        calibration: Calibration,
        *,
        candidates: int = 100,
        clock: Callable[[], float] = time.perf_counter,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._images = images
        self._texts = texts
        self._calibration = calibration
        self._candidates = candidates
        self._clock = clock
        self._now = now

    def search(
        self,
        scope: Scope,
        query: Query,
        *,
        limit: int = 10,
        where: Filter | None = None,
        listing: SearchOptions = DEFAULT,
    ) -> SearchResult:
        """The best ``limit`` items, best first; items of equal score in order of id.

        A text whose end some encoder does not read is searched for, with a warning. A page with a cursor
        shows nothing that was added after the first page.

        Raises InvalidInput when the query asks for nothing or for too much, its page lies too deep or its
        cursor is another query's, and NotFound when an item whose like is sought is not there.
        """
        with SEARCHES.one():
            return self._search(scope, query, limit, where, listing)

    def _search(
        self, scope: Scope, query: Query, limit: int, where: Filter | None, listing: SearchOptions
    ) -> SearchResult:
        encoding.check(query)
        paging.check_page(limit, listing)
        digest = paging.digest(scope, query, where, listing)
        cursor = Cursor.read(listing.cursor, digest) if listing.cursor else None
        started = self._clock()
        with step("encode"):
            encoded = encoding.encode(query, self._store, scope, self._images, self._texts)
        warnings = tuple(
            warning
            for text in filter(None, map(str.strip, (query.text, *query.negative)))
            for warning in overlong_query(text, self._images, self._texts)
        )
        embedded = self._clock()
        narrowed = _narrowed(where, query, cursor)
        page = self._page(self._windows(scope, encoded, narrowed), encoded, limit, listing, cursor)
        hits = _hits(page.listed, listing.offset if cursor is None else cursor.rank)
        until = int(self._now()) if cursor is None else cursor.until
        following = _following(hits, page, digest, until)
        timings = {
            "encode": (embedded - started) * 1e3,
            "search": (self._clock() - embedded - page.fused) * 1e3,
            "fuse": page.fused * 1e3,
        }
        return SearchResult(tuple(hits), warnings, timings, next=following)

    def rows(self, scope: Scope, hits: Sequence[Hit]) -> list[Row]:
        """The stored rows of some hits, in their order."""
        found = {
            row.item.id: row
            for kind in KINDS
            for row in self._store.rows(scope, kind, [h.item.id for h in hits if h.item.kind == kind])
        }
        return [found[hit.item.id] for hit in hits if hit.item.id in found]

    def _windows(
        self, scope: Scope, query: EncodedQuery, where: Filter | None
    ) -> Iterator[tuple[Gathered, bool]]:
        """Candidates, looked for deeper and deeper, and whether there may be more."""
        seen: set[str] = set()
        depths = paging.depths(self._candidates)
        for depth in depths:
            found = [
                (kind, candidates(self._store, scope, kind, query, limit=depth, where=part))
                for kind, part in self._apart(where)
            ]
            fresh = {
                kind: frozenset[str]().union(*(one.ids for other, one in found if other == kind)) - seen
                for kind in KINDS
            }
            gathered = gather(self._store, scope, fresh["image"], fresh["passage"], where)
            gathered = replace(gathered, rows=[row for row in gathered.rows if row.item.id not in seen])
            seen.update(*fresh.values(), (row.item.id for row in gathered.rows))
            yield gathered, depth < depths[-1] and not all(one.all for _, one in found)

    def _apart(self, where: Filter | None) -> list[tuple[Kind, Filter | None]]:
        """What is looked for by itself: each kind, and sounds beside pictures.

        A text is nearer to most pictures than to any sound, or the other way round, so that of both together
        those of one modality alone would be candidates.
        """
        images = self._images
        if not (isinstance(images, Hearing) and images.hears and images.sees):
            return [(kind, where) for kind in KINDS]
        parts = (_both(where, Not(SOUNDS)), _both(where, SOUNDS))
        return [*(("image", part) for part in parts), ("passage", where)]

    def _page(
        self,
        windows: Iterable[tuple[Gathered, bool]],
        query: EncodedQuery,
        limit: int,
        listing: SearchOptions,
        cursor: Cursor | None,
    ) -> _Page:
        """What is listed on a page, from as many windows as it takes."""
        found: list[Ranked] = []
        listed: list[Grouped] = []
        begin, more, fused = 0, False, 0.0
        insight = Insight.of(self._images, self._texts)
        for number, (gathered, deeper) in enumerate(windows):
            started = self._clock()
            found += ranked(
                score(gathered.rows, query, insight, gathered.readings), self._calibration, number
            )
            groups = grouped(found, listing.group)
            listed, begin = paging.reach(
                fairly(diverse(groups, listing.diversity), listing.fair), limit, listing, cursor
            )
            more = deeper or len(groups) > begin + limit
            fused += self._clock() - started
            if len(listed) >= begin + limit:
                break
        return _Page(listed[begin : begin + limit], more, fused)


def _hits(listed: Sequence[Grouped], before: int) -> list[Hit]:
    return [
        Hit(
            rank,
            one.ranked.item,
            one.ranked.score,
            probability(one.ranked.log_odds),
            shown(one.ranked.scored),
            duplicates=one.duplicates,
            more_parts=one.more_parts,
            negative=one.ranked.negative,
        )
        for rank, one in enumerate(listed, start=before + 1)
        if rank <= paging.MAX_HITS
    ]


def _following(hits: Sequence[Hit], page: _Page, digest: str, until: int) -> str:
    """The cursor after these hits; empty where no page follows."""
    if not page.more or not hits or hits[-1].rank >= paging.MAX_HITS:
        return ""
    last = page.listed[len(hits) - 1].ranked
    return str(Cursor(digest, hits[-1].rank, last.window, last.score, last.item.id, until))


def _narrowed(where: Filter | None, query: Query, cursor: Cursor | None) -> Filter | None:
    """Without the items whose like is sought, and on later pages without what came since the first."""
    if query.like:
        where = _both(where, Not(Where("id", "in", query.like)))
    return where if cursor is None else _both(where, Where("created_at", "le", cursor.until))


def _both(where: Filter | None, more: Filter) -> Filter:
    return more if where is None else AllOf((where, more))
