"""Pictures that look alike hang together, and no others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.duplicates import duplicates, grouped
from rag.images import phash, resize
from rag.protocols import Store
from rag.types import Filter, Item, Kind, Scope

SCOPE = Scope("tenant", "photos")


@dataclass
class Scanned:
    """A store of which only ``scan`` is needed."""

    items: list[Item]

    def scan(
        self, scope: Scope, kind: Kind, *, where: Filter | None = None, after: str = "", limit: int = 100
    ) -> list[Item]:
        assert (scope, kind, where) == (SCOPE, "image", None)
        return [item for item in self.items if item.id > after][:limit]


def item(number: int, phash: str) -> Item:
    return Item(f"{number:032x}", "tenant", "photos", "0" * 64, (f"{number}.jpg",), phash=phash)


def names(groups: tuple[tuple[Item, ...], ...]) -> list[list[str]]:
    return [[item.source for item in group] for group in groups]


def test_another_size_of_a_picture_is_found() -> None:
    rng = np.random.default_rng(0)
    photos = [resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (240, 200)) for _ in range(20)]
    pictures = [*photos, resize(photos[3], (90, 80)), resize(photos[7], (500, 400))]
    store = Scanned([item(number, phash(pixels)) for number, pixels in enumerate(pictures)])
    found = duplicates(cast(Store, store), SCOPE)
    assert names(found.groups) == [["3.jpg", "20.jpg"], ["7.jpg", "21.jpg"]]
    assert (found.looked_at, found.complete) == (22, True)


def test_frames_of_an_animation_are_no_duplicates() -> None:
    first = item(1, "1" * 16)
    frame = replace(first, id=f"{2:032x}", parent_id=first.id, part="frame-2")
    assert duplicates(cast(Store, Scanned([first, frame])), SCOPE).groups == ()


def test_pictures_of_one_colour_are_not_alike() -> None:
    store = Scanned([item(1, "0" * 16), item(2, "0" * 16), item(3, "")])
    assert duplicates(cast(Store, store), SCOPE).groups == ()


def test_more_than_a_page_and_no_more_than_the_limit() -> None:
    store = Scanned([item(n, f"{(n % 1500 + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}") for n in range(2500)])
    found = duplicates(cast(Store, store), SCOPE, distance=0)
    assert (len(found.groups), found.looked_at, found.complete) == (1000, 2500, True)
    found = duplicates(cast(Store, store), SCOPE, distance=0, limit=1600)
    assert (len(found.groups), found.looked_at, found.complete) == (100, 1600, False)


near = st.tuples(st.integers(0, 3), st.sets(st.integers(0, 63), max_size=5))


@given(st.lists(near, max_size=30), st.integers(0, 8))
def test_it_is_what_comparing_all_pairs_gives(given: list[tuple[int, set[int]]], distance: int) -> None:
    bases = (0, 2**64 - 1, 0x5555555555555555, 0x0F0F0F0F33335555)
    values = [bases[base] ^ sum(1 << bit for bit in bits) for base, bits in given]
    together = [{n} for n in range(len(values))]
    for one, first in enumerate(values):
        for other, second in enumerate(values):
            if (first ^ second).bit_count() <= distance and together[one] is not together[other]:
                together[one] |= together[other]
                for member in together[one]:
                    together[member] = together[one]
    expected = sorted({tuple(sorted(group)) for group in together if len(group) > 1})
    assert [tuple(group) for group in grouped(np.array(values, np.uint64), distance)] == expected
