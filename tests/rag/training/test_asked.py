"""Questions at large stand for all that is said, also of what was known before."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from rag.training.asked import CAPTIONS, NAMES, POINTS, drawn, grouped, questions


def around(middle: int, count: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return normalize(torch.eye(8)[middle] + 0.1 * torch.randn(count, 8, generator=rng), dim=1)


def test_groups_are_found_and_stand_in_their_middle() -> None:
    points = torch.cat([around(axis, 50, axis) for axis in range(4)])
    found = grouped(points, 12, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(12))
    assert set(found.argmax(1).tolist()) == {0, 1, 2, 3}


def test_fewer_points_than_groups_stand_for_themselves() -> None:
    points = around(0, 3, 0)
    found = grouped(points, 10, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.sort(dim=0).values, points.sort(dim=0).values)


def test_questions_repeat_themselves_and_keep_what_was_known_before() -> None:
    captions, names, before = around(0, 2000, 0), around(1, 900, 1), around(2, 640, 2)
    found = questions(captions, names, seed=3)
    assert found.shape == (CAPTIONS + NAMES, 8)
    assert torch.equal(found, questions(captions, names, seed=3))
    later = questions(captions, names, seed=3, before=before)
    counts = torch.bincount(later.argmax(1), minlength=3)
    assert counts[2] > CAPTIONS / 3
    assert counts[0] > CAPTIONS / 3


def test_a_sample_of_many_captions_is_drawn() -> None:
    rows = drawn([torch.zeros(POINTS, 2), torch.ones(POINTS, 2)], 0)
    assert len(rows) == POINTS
    assert 0.4 < float(rows.mean()) < 0.6
