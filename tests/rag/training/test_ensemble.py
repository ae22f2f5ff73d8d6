"""Several pairs of heads are trained apart and act as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from rag.training.ensemble import apart, common_space, together, train_members
from rag.training.heads import TwoHeads
from rag.training.trainer import Epoch, Outcome, Pairs, Recipe

RECIPE = Recipe(members=3, epochs=2, batch=16, hidden=8, outputs=6)


class Broken(Exception):
    """The power went."""


def made_up(photos: int, seed: int) -> Pairs:
    rng = torch.Generator().manual_seed(seed)
    image = torch.randn(1, photos, 7, generator=rng)
    owners = torch.arange(photos).repeat_interleave(2)
    return Pairs(image, image[0, owners, :5] + 0.1 * torch.randn(2 * photos, 5, generator=rng), owners)


def train(checkpoints: Path | None = None, stop_after: int = 0) -> list[Outcome]:
    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == stop_after:
            raise Broken

    return train_members(
        lambda _: TwoHeads(7, 5, hidden=8, outputs=6),
        made_up(24, 0),
        made_up(12, 1),
        RECIPE,
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_members_differ_and_repeat_themselves() -> None:
    first, second = train(), train()
    assert all(same(one.weights, other.weights) for one, other in zip(first, second, strict=True))
    assert not same(first[0].weights, first[1].weights)
    assert [epoch.number for outcome in first for epoch in outcome.history] == [1, 2, 3, 4, 5, 6]
    assert [outcome.best in (2 * n + 1, 2 * n + 2) for n, outcome in enumerate(first)] == [True] * 3


def test_a_run_that_broke_off_in_the_second_member_goes_on_there(tmp_path: Path) -> None:
    with pytest.raises(Broken):
        train(tmp_path, stop_after=3)
    assert len(list(tmp_path.iterdir())) == 2
    resumed = train(tmp_path)
    assert all(same(one.weights, other.weights) for one, other in zip(train(), resumed, strict=True))


def test_what_is_put_together_comes_apart() -> None:
    members = [outcome.weights for outcome in train()]
    found, common = apart(together(members, torch.eye(18)))
    assert torch.equal(common, torch.eye(18))
    assert all(same(one, other) for one, other in zip(members, found, strict=True))


def test_the_common_space_keeps_the_cosines() -> None:
    torch.manual_seed(0)
    members = [TwoHeads(7, 5, hidden=8, outputs=6).eval() for _ in range(3)]
    pairs = made_up(24, 0)
    image = torch.cat([member.image(pairs.image[0]) for member in members], dim=1)
    text = torch.cat([member.text(pairs.text) for member in members], dim=1)
    whole = common_space(members, pairs, 18)
    torch.testing.assert_close((image @ whole) @ (text @ whole).T, image @ text.T, atol=1e-5, rtol=0)
    lost = [
        float(((image @ space) @ (text @ space).T - image @ text.T).detach().abs().mean())
        for space in (common_space(members, pairs, size) for size in (4, 8, 12))
    ]
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 0.05
