"""One hit for what is nearly the same: pictures that look alike, parts of one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.retrieval.ranking import Ranked
from rag.types import Group, Item

DISTANCE = 6
"""Bits of 64 in which two perceptual hashes may differ; the same as of `olhar duplicates`."""
BLOCK = 64
"""So many are compared with all before them at a time."""


@dataclass(slots=True)
class Grouped:
    """A ranked item, and how many others of its window it stands for."""

    ranked: Ranked
    duplicates: int = 0
    more_parts: int = 0


def grouped(ranked: Sequence[Ranked], group: Group) -> list[Grouped]:
    """The first of each group, in the order of ``ranked``.

    A picture goes with the first listed one that it is near to. It is not compared with those that are not
    listed, so that what stands further down changes nothing further up.
    """
    hashes = _hashes([one.item for one in ranked]) if group in ("duplicates", "all") else {}
    pictures, doubtful = _Pictures(len(hashes)), _near_an_earlier(hashes)
    documents: dict[str, Grouped] = {}
    listed: list[Grouped] = []
    for place, one in enumerate(ranked):
        alike = pictures.like(hashes[place]) if place in doubtful else None
        document = (one.item.parent_id or one.item.id) if group in ("document", "all") else ""
        if alike is not None:
            alike.duplicates += one.window == alike.ranked.window
        elif document in documents:
            documents[document].more_parts += one.window == documents[document].ranked.window
        else:
            listed.append(Grouped(one))
            if place in hashes:
                pictures.add(hashes[place], listed[-1])
            if document:
                documents[document] = listed[-1]
    return listed


class _Pictures:
    """The listed pictures, up to ``most``, and their hashes."""

    def __init__(self, most: int) -> None:
        self._hashes = np.empty(most, np.uint64)
        self._listed: list[Grouped] = []

    def add(self, phash: np.uint64, one: Grouped) -> None:
        self._hashes[len(self._listed)] = phash
        self._listed.append(one)

    def like(self, phash: np.uint64) -> Grouped | None:
        """The first one that is near to this."""
        near = np.bitwise_count(self._hashes[: len(self._listed)] ^ phash) <= DISTANCE
        return self._listed[int(np.argmax(near))] if near.any() else None


def _hashes(items: Sequence[Item]) -> dict[int, np.uint64]:
    """Of the places that have one. A picture without any structure, all of whose bits are 0, is like none."""
    return {n: np.uint64(int(item.phash, 16)) for n, item in enumerate(items) if item.phash.strip("0")}


def _near_an_earlier(hashes: Mapping[int, np.uint64]) -> set[int]:
    """The places of pictures that are near to one before them: few, as a rule, so that few are looked for."""
    places, values = list(hashes), np.array(list(hashes.values()), np.uint64)
    found: set[int] = set()
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        near = np.bitwise_count(block[:, None] ^ values[None, : start + len(block)]) <= DISTANCE
        earlier = np.tril(near, start - 1).any(axis=1)
        found.update(places[start + row] for row in np.flatnonzero(earlier).tolist())
    return found
