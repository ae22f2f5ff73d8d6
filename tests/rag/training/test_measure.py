"""Recall counts the photos that are nearer, and ties against the model."""

from __future__ import annotations

import torch

from rag.training.measure import recalls


def test_photos_that_are_nearer_are_counted() -> None:
    image, owners = torch.eye(4), torch.tensor([0, 1, 2, 3])
    found = recalls(image, torch.eye(4)[[0, 1, 2, 0]] + 0.1 * torch.eye(4)[[0, 1, 2, 3]], owners)
    assert found == {"recall@1": 0.75, "recall@5": 1.0, "recall@10": 1.0}


def test_a_model_that_takes_everything_for_the_same_finds_nothing() -> None:
    same = torch.ones(20, 3) / 3**0.5
    assert set(recalls(same, same, torch.arange(20)).values()) == {0.0}


def test_many_captions_are_looked_at_in_parts() -> None:
    image = torch.eye(8)
    owners = torch.arange(8).repeat(400)
    assert set(recalls(image, image[owners], owners).values()) == {1.0}
