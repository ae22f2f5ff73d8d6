"""Training learns, stops, goes on exactly where it was, and repeats itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rag.errors import InvalidInput
from rag.training.heads import TwoHeads
from rag.training.trainer import Epoch, Outcome, Pairs, Recipe, recall, train_heads

RECIPE = Recipe(epochs=6, batch=32, hidden=16, outputs=8, dropout=0.2, average=0.9, learning_rate=0.01)


class Broken(Exception):
    """The power went."""


def made_up(photos: int, seed: int) -> Pairs:
    """Captions that are a fixed turn of their photo's features, with noise: three of each."""
    rng = torch.Generator().manual_seed(seed)
    image = torch.randn(photos, 12, generator=rng)
    turn = torch.randn(12, 10, generator=torch.Generator().manual_seed(99))
    owners = torch.arange(photos).repeat_interleave(3)
    text = image[owners] @ turn + 0.3 * torch.randn(3 * photos, 10, generator=rng)
    return Pairs(image[None], text, owners, core=6)


def train(recipe: Recipe = RECIPE, checkpoint: Path | None = None, stop_after: int = 0) -> Outcome:
    torch.manual_seed(recipe.seed)
    heads = TwoHeads(12, 10, hidden=recipe.hidden, outputs=recipe.outputs, dropout=recipe.dropout)

    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == stop_after:
            raise Broken

    return train_heads(
        heads, made_up(60, 0), made_up(40, 1), recipe, checkpoint=checkpoint, on_epoch=on_epoch
    )


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns() -> None:
    outcome = train(replace(RECIPE, epochs=20, patience=20))
    assert outcome.history[-1].recall["recall@10"] > outcome.history[0].recall["recall@10"]
    assert outcome.history[outcome.best - 1].recall["recall@10"] > 0.7  # by chance: .25
    assert outcome.history[-1].loss < outcome.history[0].loss


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    assert same(train().weights, train().weights)
    assert not same(train().weights, train(replace(RECIPE, seed=1)).weights)


def test_a_run_that_broke_off_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    whole = train()
    with pytest.raises(Broken):
        train(checkpoint=tmp_path / "c.pt", stop_after=3)
    resumed = train(checkpoint=tmp_path / "c.pt")
    assert same(whole.weights, resumed.weights)
    assert [epoch.loss for epoch in whole.history] == [epoch.loss for epoch in resumed.history]


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Broken):
        train(checkpoint=tmp_path / "c.pt", stop_after=1)
    with pytest.raises(InvalidInput, match="another recipe"):
        train(replace(RECIPE, epochs=7), checkpoint=tmp_path / "c.pt")


def test_it_stops_when_validation_no_longer_gains_and_keeps_the_best() -> None:
    outcome = train(replace(RECIPE, epochs=60, patience=2, learning_rate=0.05))
    recalls = [epoch.score for epoch in outcome.history]
    assert len(recalls) < 60
    assert outcome.best == len(recalls) - 2 == recalls.index(max(recalls)) + 1
    heads = TwoHeads(12, 10, hidden=16, outputs=8)
    heads.load_state_dict(outcome.weights)
    assert sum(recall(heads, made_up(40, 1)).values()) / 3 == max(recalls)


def test_recall_counts_photos_that_are_nearer() -> None:
    heads = TwoHeads(4, 4, outputs=4)
    for head in (heads.image, heads.text):
        head.first = torch.nn.Identity()  # type: ignore[assignment]  # any module will do
        head.second = torch.nn.Identity()  # type: ignore[assignment]  # as above
    pairs = Pairs(torch.eye(4)[None] * 5, torch.eye(4)[[0, 1, 2, 0]] * 5, torch.tensor([0, 1, 2, 3]))
    assert recall(heads, pairs) == {"recall@1": 0.75, "recall@5": 1.0, "recall@10": 1.0}
