"""One hit for what is nearly the same: pictures that look alike, parts of one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.retrieval.ranking import Ranked
from rag.types import Group, Item

DISTANCE = 6
"""Bits of 64 in which two perceptual hashes may differ; the same as of `olhar duplicates`."""
CHUNK = 512


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
    near = _near([one.item for one in ranked]) if group in ("duplicates", "all") else {}
    documents: dict[str, Grouped] = {}
    heads: dict[int, Grouped] = {}
    for place, one in enumerate(ranked):
        alike = next((heads[other] for other in near.get(place, ()) if other in heads), None)
        document = (one.item.parent_id or one.item.id) if group in ("document", "all") else ""
        if alike is not None:
            alike.duplicates += one.window == alike.ranked.window
        elif document in documents:
            documents[document].more_parts += one.window == documents[document].ranked.window
        else:
            heads[place] = Grouped(one)
            if document:
                documents[document] = heads[place]
    return list(heads.values())


def _near(items: Sequence[Item]) -> dict[int, list[int]]:
    """For each place that has any, the earlier places whose pictures look alike.

    A picture without any structure, all of whose bits are 0, looks like no other.
    """
    places = np.array([n for n, item in enumerate(items) if item.phash.strip("0")], np.intp)
    hashes = np.array([int(items[n].phash, 16) for n in places], np.uint64)
    found: dict[int, list[int]] = {}
    for start in range(0, len(places), CHUNK):
        differ = np.bitwise_count(hashes[start : start + CHUNK, None] ^ hashes[None, : start + CHUNK])
        for later, earlier in zip(*np.nonzero(differ <= DISTANCE), strict=True):
            if earlier < later + start:
                found.setdefault(int(places[later + start]), []).append(int(places[earlier]))
    return found
