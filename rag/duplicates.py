"""Pictures that look alike, by the distance of their perceptual hashes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.protocols import Store
from rag.types import Item, Scope

DISTANCE = 6
"""Bits of 64; of 18.6 million pairs of different photos, 6 are as near by chance."""
PAGE = 1000
BITS = 64
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of two items or more that look alike, in the order of their ids.

    Each item is as near as ``distance`` to another of its group. ``looked_at`` is how many pictures were
    compared, ``complete`` whether those were all.
    """

    groups: tuple[tuple[Item, ...], ...]
    looked_at: int
    complete: bool


def duplicates(store: Store, scope: Scope, *, distance: int = DISTANCE, limit: int = 100_000) -> Groups:
    """Near-duplicates among the first ``limit`` pictures of a scope, in the order of their ids.

    A picture without any structure, all of whose bits are 0, looks like every other such one and is left out,
    as are later frames of animations. Raises what the store raises.
    """
    items: list[Item] = []
    looked_at = 0
    page: list[Item] = []
    while looked_at < limit:
        after = page[-1].id if page else ""
        page = store.scan(scope, "image", after=after, limit=min(PAGE, limit - looked_at))
        looked_at += len(page)
        items += [item for item in page if item.phash.strip("0") and not item.is_frame]
        if not page:
            break
    hashes = np.array([int(item.phash, 16) for item in items], dtype=np.uint64)
    groups = tuple(tuple(items[place] for place in group) for group in grouped(hashes, distance))
    return Groups(groups, looked_at, complete=looked_at < limit)


def grouped(hashes: Hashes, distance: int) -> list[list[int]]:
    """Places of hashes, shape (n,), that hang together by pairs at most ``distance`` bits apart.

    Cut into ``distance`` + 1 pieces, two such hashes agree in one of them at least: only those that agree in
    a piece are compared (Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index
    Hashing").
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    parent = list(range(len(unique)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for bucket in _buckets(unique, distance + 1):
        near = np.bitwise_count(unique[bucket, None] ^ unique[None, bucket]) <= distance
        for one, other in zip(*np.nonzero(np.triu(near, 1)), strict=True):
            parent[root(int(bucket[other]))] = root(int(bucket[one]))
    groups: dict[int, list[int]] = {}
    for place, which in enumerate(inverse.tolist()):
        groups.setdefault(root(which), []).append(place)
    return sorted(group for group in groups.values() if len(group) > 1)


def _buckets(hashes: Hashes, pieces: int) -> Iterator[NDArray[np.intp]]:
    """Places of hashes that agree in a piece of their bits."""
    edges = np.linspace(0, BITS, min(pieces, BITS) + 1).astype(int).tolist()
    for start, end in itertools.pairwise(edges):
        mask = np.uint64((1 << (end - start)) - 1)
        piece = (hashes >> np.uint64(start)) & mask
        order = np.argsort(piece, kind="stable")
        starts = np.flatnonzero(np.diff(piece[order])) + 1
        yield from (bucket for bucket in _split(order, starts.tolist()) if len(bucket) > 1)


def _split(order: NDArray[np.intp], starts: Sequence[int]) -> Iterator[NDArray[np.intp]]:
    for begin, end in zip((0, *starts), (*starts, len(order)), strict=True):
        yield order[begin:end]
