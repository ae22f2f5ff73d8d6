"""Adapters learn beside the weights, and leave an ordinary model behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from rag.errors import InvalidInput
from rag.training.dual import Dual
from rag.training.lora import add_lora, merge_lora

PICTURES = list(np.random.default_rng(0).integers(0, 255, (3, 40, 44, 3), np.uint8))


@torch.no_grad()
def vectors(dual: Dual) -> torch.Tensor:
    dual.eval()
    return torch.cat([dual(dual.prepare_pictures(PICTURES)), dual(dual.prepare_texts(["a dog", "red"]))])


def stepped(dual: Dual) -> Dual:
    """After a few steps of training, towards anything."""
    optimiser = torch.optim.AdamW(dual.learned().values(), lr=0.05)
    for _ in range(3):
        optimiser.zero_grad()
        (dual(dual.prepare_pictures(PICTURES)).sum() - dual(dual.prepare_texts(["red"])).sum()).backward()
        optimiser.step()
    return dual


def test_before_training_nothing_changes(make_dual: Callable[[], Dual]) -> None:
    dual = make_dual()
    before = vectors(dual)
    add_lora(dual.towers, 4)
    torch.testing.assert_close(vectors(dual), before)


def test_only_adapters_learn(make_dual: Callable[[], Dual]) -> None:
    dual = make_dual()
    before = {name: value.clone() for name, value in dual.towers.state_dict().items()}
    add_lora(dual.towers, 4)
    learned = dual.learned()
    assert learned
    assert all(".lora_" in name for name in learned)
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in learned} >= {
        "q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2", "visual_projection", "text_projection",
    }  # fmt: skip
    stepped(dual)
    after = {name.replace(".base_layer", ""): value for name, value in dual.towers.state_dict().items()}
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_merged_and_beside_give_the_same_and_the_model_is_ordinary_again(
    make_dual: Callable[[], Dual],
) -> None:
    dual = make_dual()
    before, names = vectors(dual), set(dual.towers.state_dict())
    add_lora(dual.towers, 4)
    beside = vectors(stepped(dual))
    merge_lora(dual.towers)
    torch.testing.assert_close(vectors(dual), beside, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(beside, before, atol=1e-3)
    assert set(dual.towers.state_dict()) == names


def test_weights_that_are_left_get_no_adapter(make_dual: Callable[[], Dual]) -> None:
    dual = make_dual()
    left = {name for name in dual.towers.state_dict() if "text" in name}
    add_lora(dual.towers, 4, leave=left)
    assert not [name for name in dual.learned() if "text" in name]
    assert dual.learned()


def test_a_model_without_linear_layers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--full"):
        add_lora(nn.Sequential(nn.Conv2d(3, 4, 1)), 4)
