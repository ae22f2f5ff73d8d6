from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

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
    return Ranked(Scored(row, Legs(), None, None), score, window)


def names(hits: list[Grouped]) -> str:
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
    assert diverse([], 0.5) == []


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
