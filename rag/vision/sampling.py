"""Some pictures of a collection, with their vectors: all of them, or as many as may be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np

from rag.protocols import Store
from rag.types import AUDIO, VIDEO, Filter, Item, Matrix, Not, Row, Scope, Where

PAGE: Final = 200
PICTURES: Final = Not(Where("modality", "in", ("document", VIDEO, AUDIO)))
"""The own row of a document or video has no picture, and a sound is none."""


@dataclass(frozen=True)
class Sample:
    """``rows`` with a picture's vector, of the ``total`` that the scope has."""

    rows: tuple[Row, ...]
    total: int

    @cached_property
    def vectors(self) -> Matrix:
        """Shape (n, dim)."""
        found = [row.image_vector for row in self.rows if row.image_vector is not None]
        return np.stack(found) if found else np.zeros((0, 1), np.float32)

    @property
    def items(self) -> list[Item]:
        return [row.item for row in self.rows]

    @property
    def complete(self) -> bool:
        """Whether these are all."""
        return len(self.rows) >= self.total


def sample(
    store: Store,
    scope: Scope,
    limit: int,
    seed: int = 0,
    on_page: Callable[[], None] = lambda: None,
    where: Filter = PICTURES,
) -> Sample:
    """At most ``limit`` pictures of a scope: all kinds, or those that ``where`` names. Ids are
    hashes of contents, so that those which follow an id that the seed names, and after the last one the
    first ones, are drawn at random.

    Raises what the store raises, and what ``on_page`` raises before a page is read.
    """
    total = store.count(scope, "image", where)
    return Sample(tuple(islice(_rows(store, scope, seed, on_page, where), limit)), total)


def _rows(store: Store, scope: Scope, seed: int, on_page: Callable[[], None], where: Filter) -> Iterator[Row]:
    start = hashlib.sha256(f"sample {seed}".encode()).hexdigest()[:32]
    for after, until in ((start, "~"), ("", start)):
        last = after
        while page := store.scan(scope, "image", where=where, after=last, limit=PAGE):
            on_page()
            last = page[-1].id
            ids = [item.id for item in page if item.id <= until]
            yield from (row for row in store.rows(scope, "image", ids) if row.image_vector is not None)
            if len(page) < PAGE or len(ids) < len(page):
                break


def shown(source: str) -> str:
    """A name that can be sent: what is no Unicode is written as ``\\udcXX``."""
    return source.encode("utf-8", "backslashreplace").decode()
