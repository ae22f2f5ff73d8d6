from __future__ import annotations

import itertools
import math

import numpy as np

from rag.store import MilvusStore
from rag.types import Matrix, Scope
from rag.vision.curation.representatives import facility_location, representatives
from tests.rag.vision.conftest import SCOPE
from tests.rag.vision.quality.test_geometry import units


def likeness(count: int, seed: int) -> Matrix:
    vectors = units(count, 4, seed)
    return np.asarray(np.clip(vectors @ vectors.T, 0, 1), np.float32)


def covered(table: Matrix, chosen: list[int]) -> float:
    return float(table[:, chosen].max(axis=1).sum())


def test_it_chooses_what_plain_greedy_chooses() -> None:
    for seed in range(5):
        table = likeness(40, seed)
        chosen: list[int] = []
        for _ in range(6):
            rest = [n for n in range(40) if n not in chosen]
            chosen.append(max(rest, key=lambda n: covered(table, [*chosen, n])))
        assert facility_location(table, 6) == chosen


def test_it_is_never_far_from_the_best_choice() -> None:
    for seed in range(5):
        table = likeness(12, seed)
        best = max(covered(table, list(some)) for some in itertools.combinations(range(12), 3))
        assert covered(table, facility_location(table, 3)) >= (1 - 1 / math.e) * best


def test_every_kind_of_picture_is_stood_for(drawn_store: MilvusStore) -> None:
    found = representatives(drawn_store, SCOPE, 3)
    assert (found.pictures, found.sampled) == (91, 91)
    assert {pick.source[0] for pick in found.picks} == {"0", "1", "2"}  # cats, boats, trees
    assert found.picks[0].source.startswith("2")  # of trees there are most
    assert sum(pick.stands_for for pick in found.picks) == 91
    assert [pick.covered for pick in found.picks] == sorted(pick.covered for pick in found.picks)
    everything = representatives(drawn_store, SCOPE, 1000).picks
    assert len({pick.item_id for pick in everything}) == 91
    assert everything[-1].covered == 1
    assert representatives(drawn_store, Scope("default", "other"), 3).picks == []
