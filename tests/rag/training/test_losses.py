"""The loss knows that two captions of one photo are both right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rag.training.losses import info_nce, same_owner, softened, symmetric_info_nce
from rag.training.schedule import warmup_cosine


def test_with_one_positive_it_is_cross_entropy() -> None:
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.cross_entropy(logits, torch.arange(6))
    assert float(info_nce(logits, torch.eye(6))) == pytest.approx(float(expected))


def test_the_mean_over_positives_stands_outside_the_logarithm() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0]])
    log_p = np.array([2.0, 1.0, -1.0]) - np.log(np.exp([2.0, 1.0, -1.0]).sum())
    loss = info_nce(logits, torch.tensor([[1.0, 1.0, 0.0]]))
    assert float(loss) == pytest.approx(-(log_p[0] + log_p[1]) / 2, abs=1e-6)


def test_captions_of_one_photo_do_not_push_each_other_away() -> None:
    """Least where both captions of a photo are equally near to it, not where one of them is far."""
    positives = same_owner(torch.tensor([0, 0, 1]))
    assert positives.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    fair = 8 * positives
    unfair = 8 * torch.eye(3)
    assert float(symmetric_info_nce(fair, positives)) < float(symmetric_info_nce(unfair, positives))


def test_both_directions_count() -> None:
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(1))
    eye = torch.eye(4)
    assert float(symmetric_info_nce(logits, eye)) == pytest.approx(float(symmetric_info_nce(logits.T, eye)))
    assert float(info_nce(logits, eye)) != pytest.approx(float(info_nce(logits.T, eye)))


def test_the_learning_rate_goes_up_in_a_line_and_down_in_a_half_cosine() -> None:
    rates = [warmup_cosine(step, 100, 0.1) for step in range(100)]
    assert rates[0] < 0.2
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 0.001
    assert all(0 <= rate <= 1 for rate in rates)


def test_softened_targets_give_a_share_to_photos_of_which_like_things_are_said() -> None:
    said = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    targets = softened(torch.eye(3), said @ said.T, share=0.3, temperature=0.1)
    torch.testing.assert_close(targets.sum(1), torch.ones(3))
    assert targets[0, 0] > 0.7
    assert targets[0, 1] > 10 * targets[0, 2]
    torch.testing.assert_close(softened(torch.eye(3), said @ said.T, share=0, temperature=1), torch.eye(3))
