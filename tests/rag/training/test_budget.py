"""What may be lost, and the middle way between two sets of weights."""

from __future__ import annotations

import pytest
import torch

from rag.errors import InvalidInput
from rag.training.budget import Budget, RegressionTooLarge, interpolate


def test_a_loss_within_the_budget_is_let_through_and_a_larger_one_refused() -> None:
    budget = Budget(points=0.02)
    assert budget.check({"recall@10": 0.70}, {"recall@10": 0.68}) == pytest.approx(0.02)
    assert budget.check({"recall@10": 0.70}, {"recall@10": 0.80}) < 0
    with pytest.raises(RegressionTooLarge, match=r"0\.700 to 0\.670"):
        budget.check({"recall@10": 0.70}, {"recall@10": 0.67})


def test_mixed_weights_lie_between_and_the_ends_are_exact() -> None:
    old, new = {"a": torch.tensor([0.0, 4.0])}, {"a": torch.tensor([1.0, 0.0])}
    assert interpolate(old, new, 0.25)["a"].tolist() == [0.25, 3.0]
    assert torch.equal(interpolate(old, new, 0)["a"], old["a"])
    assert torch.equal(interpolate(old, new, 1)["a"], new["a"])


def test_what_cannot_be_mixed_is_refused() -> None:
    old = {"a": torch.zeros(2)}
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        interpolate(old, old, 1.5)
    with pytest.raises(InvalidInput, match="one architecture"):
        interpolate(old, {"a": torch.zeros(3)}, 0.5)
