"""Gradients by chunks are those of the whole batch at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from rag.training.gradcache import Side, backward
from rag.training.losses import symmetric_info_nce

PHOTOS, CAPTIONS, DIM = 7, 11, 5


class Towers(nn.Module):
    """Two small networks and a temperature."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, DIM))
        self.text = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, DIM))
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def loss(self, image: Tensor, text: Tensor) -> Tensor:
        cosines = normalize(image, dim=-1) @ normalize(text, dim=-1).T
        return symmetric_info_nce(self.log_scale.exp() * cosines, POSITIVES)

    def gradients(self) -> dict[str, Tensor]:
        return {name: value.grad for name, value in self.named_parameters() if value.grad is not None}


rng = torch.Generator().manual_seed(1)
IMAGES, TEXTS = torch.randn(PHOTOS, 4, generator=rng), torch.randn(CAPTIONS, 3, generator=rng)
OWNERS = torch.tensor([0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 6])
POSITIVES = (torch.arange(PHOTOS)[:, None] == OWNERS[None, :]).float()


def run(
    towers: Towers, chunk: int, *, frozen: bool = False, scaled: Callable[[Tensor], Tensor] = lambda x: x
) -> float:
    torch.manual_seed(3)
    image = Side(torch.split(IMAGES, chunk), towers.image, frozen=frozen)
    return backward(image, Side(torch.split(TEXTS, chunk), towers.text), towers.loss, scaled=scaled)


@pytest.mark.parametrize("chunk", [1, 3, 7, 10])
def test_it_is_the_plain_gradient_also_with_several_positives(chunk: int) -> None:
    plain, cached = Towers(), Towers()
    expected = plain.loss(plain.image(IMAGES), plain.text(TEXTS))
    expected.backward()  # type: ignore[no-untyped-call]  # so shipped
    assert run(cached, chunk) == pytest.approx(float(expected.detach()), abs=1e-6)
    assert set(cached.gradients()) == set(plain.gradients()) == {n for n, _ in plain.named_parameters()}
    for name, gradient in plain.gradients().items():
        torch.testing.assert_close(cached.gradients()[name], gradient, atol=1e-6, rtol=1e-5)


def test_it_adds_to_the_gradients_that_are_there() -> None:
    once, twice = Towers(), Towers()
    run(once, 3)
    run(twice, 3)
    run(twice, 3)
    for name, gradient in once.gradients().items():
        torch.testing.assert_close(twice.gradients()[name], 2 * gradient)


def test_dropout_falls_on_the_same_places_in_both_passes() -> None:
    """Else the second pass would differentiate another function than the one whose loss was taken.

    So the difference quotient along the gradient, with the same draws, is the gradient's square.
    """
    towers = Towers(dropout=0.5).double()
    step = 1e-5

    def loss() -> float:
        torch.manual_seed(3)
        towers.zero_grad()
        image = Side(torch.split(IMAGES.double(), 3), towers.image)
        return backward(image, Side(torch.split(TEXTS.double(), 3), towers.text), towers.loss)

    before = loss()
    gradients = towers.gradients()
    square = sum(float((g**2).sum()) for g in gradients.values())
    with torch.no_grad():
        for name, value in towers.named_parameters():
            value.add_(step * gradients[name])
    assert (loss() - before) / step == pytest.approx(square, rel=1e-3)


def test_the_random_numbers_go_on_as_if_every_chunk_was_encoded_once() -> None:
    run(Towers(dropout=0.5), 3)
    after = torch.rand(1)
    torch.manual_seed(3)
    towers = Towers(dropout=0.5)
    torch.manual_seed(3)
    for rows, tower in ((IMAGES, towers.image), (TEXTS, towers.text)):
        for chunk in torch.split(rows, 3):
            tower(chunk)
    assert torch.equal(after, torch.rand(1))


def test_a_frozen_side_gets_no_gradient_and_is_encoded_once() -> None:
    towers = Towers()
    calls = []

    def encode(chunk: Tensor) -> Tensor:
        calls.append(len(chunk))
        rows: Tensor = towers.image(chunk)
        return rows

    image = Side(torch.split(IMAGES, 3), encode, frozen=True)
    backward(image, Side(torch.split(TEXTS, 3), towers.text), towers.loss)
    assert calls == [3, 3, 1]
    assert not [name for name in towers.gradients() if name.startswith("image")]
    assert {"text.0.weight", "log_scale"} <= set(towers.gradients())


def test_a_scaled_loss_scales_all_gradients_and_is_told_unscaled() -> None:
    plain, scaled = Towers(), Towers()
    assert run(plain, 3) == pytest.approx(run(scaled, 3, scaled=lambda loss: 8 * loss))
    for name, gradient in plain.gradients().items():
        torch.testing.assert_close(scaled.gradients()[name], 8 * gradient)
