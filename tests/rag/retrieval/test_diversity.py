from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieval.diversity import diverse
from rag.retrieval.grouping import Grouped, grouped
from rag.retrieval.legs import Scored
from rag.retrieval.ranking import Ranked
from rag.types import Item, Legs, Row, Vector

EAST, NORTH = np.asarray([1, 0], np.float32), np.asarray([0, 1], np.float32)


def hit(
    name: str, score: float, image: Vector | None, caption: Vector | None = None, window: int = 0
) -> Ranked:
    row = Row(Item(name, "t", "c", "h", (name,)), image, caption)
    return Ranked(Scored(row, Legs(), None, None), score, score, window)


def names(hits: Iterable[Grouped]) -> str:
    return "".join(one.ranked.item.id for one in hits)


def test_diversity_trades_relevance_for_difference() -> None:
    hits = [Grouped(hit(*one)) for one in (("a", 3, EAST), ("b", 2.9, EAST), ("c", 1, NORTH), ("d", 0, None))]
    assert names(diverse(hits, 0)) == "abcd"
    assert names(diverse(hits, 0.1)) == "abcd"
    assert names(diverse(hits, 0.45)) == "acbd"
    assert names(diverse(hits, 0.5)) == "acdb"
    assert names(diverse(hits, 1)) == "acdb"


def test_pictures_and_captions_count_alike_and_windows_stay_apart() -> None:
    told = [
        Grouped(hit(*one)) for one in (("a", 3, EAST, EAST), ("b", 2, EAST, EAST), ("c", 1.9, EAST, NORTH))
    ]
    assert names(diverse(told, 0.5)) == "acb"
    deeper = [*told[:2], Grouped(hit("z", 9, NORTH, NORTH, window=1))]
    assert names(diverse(deeper, 0.5)) == "abz"
    assert list(diverse([], 0.5)) == []


def test_equal_hits_keep_their_order() -> None:
    hits = [Grouped(hit(name, 1, EAST)) for name in "abcdef"]
    assert names(diverse(hits, 0.5)) == "abcdef"


def test_one_of_what_is_alike_is_listed_and_counts_the_others() -> None:
    hashes = ("ff", "fe", "f0", "", "", "00", "00", "80")
    ranked = [hit(name, 9 - n, None) for n, name in enumerate("abcdefgh")]
    ranked = [
        replace(one, scored=replace(one.scored, row=Row(replace(one.item, phash=hashes[n].rjust(16, "0")))))
        for n, one in enumerate(ranked)
    ]
    # h is near c and c near a, but h is not near a: it stands for itself.
    listed = grouped(ranked, "duplicates")
    assert names(listed) == "adefgh"
    assert [one.duplicates for one in listed] == [2, 0, 0, 0, 0, 0]
    assert names(grouped(ranked, "none")) == "abcdefgh"


@pytest.mark.parametrize("group", ["document", "all"])
def test_one_part_of_a_document_is_listed(group: str) -> None:
    parents = ("", "book", "book", "leaflet", "")
    ranked = [hit(name, 9 - n, None, window=n // 3) for n, name in enumerate(("a", "b", "c", "d", "book"))]
    ranked = [
        replace(one, scored=replace(one.scored, row=Row(replace(one.item, parent_id=parents[n]))))
        for n, one in enumerate(ranked)
    ]
    listed = grouped(ranked, group)  # type: ignore[arg-type]  # parametrised
    assert names(listed) == "abd"
    assert [one.more_parts for one in listed] == [0, 1, 0]  # what a further window has is not counted


def peak(work: Callable[[], object]) -> int:
    """The most bytes that some work holds at a time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def likeness(one: Row, other: Row) -> float:
    pairs = ((one.image_vector, other.image_vector), (one.caption_vector, other.caption_vector))
    cosines = [
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs if not (a is None or b is None)
    ]
    return sum(cosines) / len(cosines) if cosines else 0.0


def plainly_diverse(hits: Sequence[Grouped], diversity: float) -> list[Grouped]:
    """The definition, for one window."""
    scores = [hit.ranked.score for hit in hits]
    found, left = list[Grouped](), list(hits)

    def gain(hit: Grouped) -> float:
        relevance = (hit.ranked.score - min(scores)) / (max(scores) - min(scores))
        row = hit.ranked.scored.row
        nearest = max((likeness(row, one.ranked.scored.row) for one in found), default=0)
        return (1 - diversity) * relevance - diversity * nearest

    while left:
        found.append(max(left, key=gain))
        left.remove(found[-1])
    return found


@pytest.mark.parametrize("diversity", [0.2, 0.5, 1])
def test_the_order_is_that_of_the_plain_definition(diversity: float) -> None:
    rng = np.random.default_rng(7)

    def vector() -> Vector | None:
        return None if rng.random() < 0.3 else np.asarray(rng.standard_normal(5) + 1, np.float32)

    hits = [Grouped(hit(f"{n:02}", rng.random(), vector(), vector())) for n in range(40)]
    ordered = plainly_diverse(hits, diversity)
    assert names(diverse(hits, diversity)) == names(ordered)
    assert names(islice(diverse(hits, diversity), 7)) == names(ordered[:7])


def test_a_page_of_many_hits_takes_no_matrix_of_all_pairs() -> None:
    hits = [Grouped(hit(str(n), 1 / (n + 1), EAST, NORTH)) for n in range(1500)]
    assert peak(lambda: list(islice(diverse(hits, 0.5), 10))) < len(hits) ** 2


def looking(phash: int, n: int, parent: str = "", window: int = 0) -> Ranked:
    one = hit(str(n), -n, None, window=window)
    row = Row(replace(one.item, phash=f"{phash:016x}", parent_id=parent))
    return replace(one, scored=replace(one.scored, row=row))


def plainly_grouped(ranked: Sequence[Ranked]) -> list[Grouped]:
    """The definition, for pictures alone."""
    listed = list[Grouped]()
    for one in ranked:
        phash = int(one.item.phash, 16)
        for head in listed:
            if (
                phash
                and (int(head.ranked.item.phash, 16) ^ phash).bit_count() <= 6
                and head.ranked.item.phash.strip("0")
            ):
                head.duplicates += one.window == head.ranked.window
                break
        else:
            listed.append(Grouped(one))
    return listed


flipped = st.lists(st.integers(0, 63), max_size=5).map(lambda bits: sum(1 << bit for bit in set(bits)))
hashes = st.lists(st.tuples(st.sampled_from([0, 0xFF, 0xFF00FF00FF00FF00]), flipped), max_size=30)


@given(drawn=hashes)
def test_the_groups_are_those_of_the_plain_definition(drawn: list[tuple[int, int]]) -> None:
    ranked = [looking(base ^ flips, n, window=n // 10) for n, (base, flips) in enumerate(drawn)]
    assert grouped(ranked, "duplicates") == plainly_grouped(ranked)


def test_many_alike_are_not_held_pair_by_pair() -> None:
    ranked = [looking(0xFF, n) for n in range(1500)]
    assert peak(lambda: grouped(ranked, "duplicates")) < len(ranked) ** 2
    assert [one.duplicates for one in grouped(ranked, "duplicates")] == [1499]
