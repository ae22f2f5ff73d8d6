"""Ranks of all items from their scores."""

from __future__ import annotations

import numpy as np

from rag.evaluation.rankings import MAX_BLOCK, blocks, positions


def test_ranks_go_by_falling_score_and_equal_ones_by_place() -> None:
    scores = np.array([[0.5, 0.9, 0.5, -np.inf], [-np.inf] * 4])
    assert positions(scores).tolist() == [[2, 1, 3, np.inf], [np.inf] * 4]


def test_blocks_hold_every_query_once_and_a_bounded_number_of_scores() -> None:
    for items in (1, 1000, 100_000, 10_000_000):
        some = list(blocks(1000, items))
        assert [q for block in some for q in range(1000)[block]] == list(range(1000))
        assert all(1 <= block.stop - block.start <= MAX_BLOCK for block in some)
    assert len(list(blocks(1000, 100_000))) == 25
