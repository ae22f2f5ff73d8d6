"""Pages: how deep is looked, and cursors that go on where a page ended."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

from rag.errors import InvalidInput
from rag.retrieval.grouping import Grouped
from rag.types import Fair, Filter, Query, Scope, SearchOptions

MAX_HITS = 1000
"""No page goes beyond this hit."""
DEEPER = (400, 1000)
"""Candidates of each leg, once those of the depth before are used up.

What was not found before comes after what was, so that no hit's place hangs on the size of the pages."""
FOREIGN = (
    "the cursor belongs to another query: send the same query, filter and options with it, or begin anew"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last hit of a page: its place, and what it was ordered by.

    ``until`` is when paging began, in Unix seconds.
    """

    digest: str
    rank: int
    window: int
    score: float
    item_id: str
    until: int

    def __str__(self) -> str:
        text = json.dumps(list(asdict(self).values()), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, digest: str) -> Cursor:
        """Raises InvalidInput for what is no cursor, or not of the query with this digest."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = cls(*json.loads(data))
            fits = list(map(type, asdict(found).values())) == [str, int, int, float, str, int]
        except (binascii.Error, ValueError, TypeError, RecursionError):
            fits = False
        if not fits or not 0 < found.rank <= MAX_HITS or not math.isfinite(found.score):
            raise InvalidInput("the cursor is none that a search gave: send it as it came, or begin anew")
        if found.digest != digest:
            raise InvalidInput(FOREIGN)
        return found


def digest(scope: Scope, query: Query, where: Filter | None, options: SearchOptions) -> str:
    """What a cursor knows its query by."""
    told = (
        scope,
        query.text.strip(),
        query.like,
        query.like_by,
        query.negative,
        where,
        options.group,
        options.diversity,
        options.fair,
    )
    seen = hashlib.sha256(repr(told).encode("utf-8", "surrogatepass"))
    for picture in query.pictures:
        seen.update(repr(picture.shape).encode())
        seen.update(picture.tobytes())
    for window in query.sound or ():
        seen.update(f"sound {len(window)}".encode())
        seen.update(window.tobytes())
    return seen.hexdigest()[:16]


def depths(candidates: int) -> tuple[int, ...]:
    """Candidates of each leg, window by window."""
    return (candidates, *(depth for depth in DEEPER if depth > candidates))


def check_page(limit: int, options: SearchOptions) -> None:
    """Raises InvalidInput for a page that lies too deep, or is none."""
    if not 1 <= limit <= MAX_HITS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MAX_HITS}")
    if options.offset and options.cursor:
        raise InvalidInput("give an offset or a cursor, not both")
    if options.offset < 0 or options.offset + limit > MAX_HITS:
        raise InvalidInput(
            f"offset {options.offset} and limit {limit}: pages go from 0 to hit {MAX_HITS}; "
            "narrow the search by a filter, or list all items"
        )
    if options.fair is not None:
        _check_shares(options.fair)
    if not 0 <= options.diversity <= 1:
        raise InvalidInput(f"diversity is {options.diversity}; it goes from 0 to 1")


def _check_shares(fair: Fair) -> None:
    shares = [share for _, share in fair.shares]
    if not shares or min(shares) <= 0 or sum(shares) > 1 + 1e-6:
        raise InvalidInput(
            f"the shares of {fair.field!r} have to be above 0, and 1 together at most: {shares}"
        )


def reach(
    hits: Iterator[Grouped], limit: int, options: SearchOptions, cursor: Cursor | None
) -> tuple[list[Grouped], int]:
    """The hits up to the end of the page, taking no more than that, and where the page begins."""
    if cursor is None:
        return list(islice(hits, options.offset + limit)), options.offset
    before: list[Grouped] = []
    for hit in hits:
        before.append(hit)
        if hit.ranked.item.id == cursor.item_id:
            return [*before, *islice(hits, limit)], len(before)
    return before, _place_of_the_missing(
        before, cursor, ordered=options.diversity == 0 and options.fair is None
    )


def _place_of_the_missing(hits: Sequence[Grouped], cursor: Cursor, *, ordered: bool) -> int:
    """Where a page begins whose last hit before went. ``ordered``: hits stand in the order of their keys."""
    if not ordered:
        return cursor.rank - 1
    key = (cursor.window, -cursor.score, cursor.item_id)
    return sum(hit.ranked.key < key for hit in hits)
