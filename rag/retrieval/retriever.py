"""Search a collection: by text, by picture, or by both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rag.errors import InvalidInput
from rag.protocols import ImageEncoder, Store, TextEncoder
from rag.retrieval.fusion import LegScores, calibrated, image_query_log_odds, probability
from rag.retrieval.legs import Scored, candidates, encode_query, score
from rag.retrieval.lengths import overlong_query
from rag.types import Calibration, Filter, Hit, Kind, Legs, Query, Row, Scope, SearchResult

KINDS: tuple[Kind, ...] = ("image", "passage")
MAX_QUERY_CHARACTERS = 8_192


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
    ) -> None:
        self._store = store
        self._images = images
        self._texts = texts
        self._calibration = calibration
        self._candidates = candidates
        self._clock = clock

    def search(
        self, scope: Scope, query: Query, *, limit: int = 10, where: Filter | None = None
    ) -> SearchResult:
        """The best ``limit`` items, best first; items of equal score in order of id.

        A text whose end some encoder does not read is searched for, with a warning.

        Raises InvalidInput when the query has neither text nor picture, or its text is too long.
        """
        _check(query, limit)
        started = self._clock()
        encoded = encode_query(query, self._images, self._texts)
        warnings = overlong_query(query.text.strip(), self._images, self._texts)
        embedded = self._clock()
        depth = max(self._candidates, limit)
        rows = [
            row
            for kind in KINDS
            for row in self._store.rows(
                scope, kind, sorted(candidates(self._store, scope, kind, encoded, limit=depth, where=where))
            )
        ]
        searched = self._clock()
        ranked = self._rank(score(rows, encoded), limit)
        timings = {
            "encode": (embedded - started) * 1e3,
            "search": (searched - embedded) * 1e3,
            "fuse": (self._clock() - searched) * 1e3,
        }
        return SearchResult(tuple(ranked), warnings, timings)

    def rows(self, scope: Scope, hits: tuple[Hit, ...]) -> list[Row]:
        """The stored rows of some hits, in their order."""
        found = {
            row.item.id: row
            for kind in KINDS
            for row in self._store.rows(scope, kind, [h.item.id for h in hits if h.item.kind == kind])
        }
        return [found[hit.item.id] for hit in hits if hit.item.id in found]

    def _rank(self, scored: list[Scored], limit: int) -> list[Hit]:
        keyed = [pair for pair in zip(self._log_odds(scored), scored, strict=True) if pair[0] > -math.inf]
        keyed.sort(key=lambda pair: (-pair[0], pair[1].row.item.id))
        return [
            Hit(rank, one.row.item, value, probability(value), _shown(one))
            for rank, (value, one) in enumerate(keyed[:limit], start=1)
        ]

    def _log_odds(self, scored: list[Scored]) -> list[float]:
        """A query of text and picture asks for both: the mean of the two log-odds."""
        by_text = calibrated(LegScores.of([_weighed(one) for one in scored]), self._calibration)
        pictures = LegScores.of([Legs(image=one.picture) for one in scored]).image
        by_picture = image_query_log_odds(pictures, self._calibration)
        values: list[float] = np.where(
            np.isfinite(by_text) & np.isfinite(by_picture),
            (by_text + by_picture) / 2,
            np.maximum(by_text, by_picture),
        )[0].tolist()
        return values


def _weighed(one: Scored) -> Legs:
    """A figure of a document is ranked by its texts: what encoders say of drawings misleads."""
    item = one.row.item
    if item.parent_id and not item.is_frame and one.legs.caption is not None:
        return replace(one.legs, image=None)
    return one.legs


def _shown(one: Scored) -> Legs:
    """The image leg shows the cosine to the picture of the query where there is one."""
    return one.legs if one.picture is None else replace(one.legs, image=one.picture)


def _check(query: Query, limit: int) -> None:
    if not query.text.strip() and query.image is None:
        raise InvalidInput("the query is empty: give a text, a picture or both")
    if len(query.text) > MAX_QUERY_CHARACTERS:
        raise InvalidInput(
            f"the query has {len(query.text)} characters; the limit is {MAX_QUERY_CHARACTERS}: shorten it"
        )
    if not 1 <= limit <= 1000:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to 1000")
