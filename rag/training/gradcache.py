"""Gradients of a large batch in the memory of a small one.

A contrastive loss needs the vectors of the whole batch, but not all of their activations at once. First
every chunk is encoded without activations; the loss of all vectors gives each of them its gradient; then
every chunk is encoded again, with activations, and takes the gradient of its vectors from there into the
weights.

Gao et al. 2021, arXiv 2101.06983, section 3. sentence-transformers has losses of this kind for one
positive a query and a fixed temperature; here a photo has several captions, and the temperature is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from rag.training.randomness import random_state, set_random_state

T = TypeVar("T")
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Side(Generic[T]):
    """The inputs of one tower in chunks, and what makes vectors (n, dim) of a chunk.

    A ``frozen`` side gets no gradient, and is encoded once.
    """

    chunks: Sequence[T]
    encode: Callable[[T], Tensor]
    frozen: bool = False


def backward(
    image: Side[T], text: Side[T], loss: Loss, *, scaled: Callable[[Tensor], Tensor] = lambda value: value
) -> float:
    """Add the gradients of ``loss(image vectors, text vectors)`` to those of the weights; the loss.

    What the loss itself learns (a temperature) gets its gradient too. ``scaled`` multiplies the loss before
    it is differentiated, as a gradient scaler does in half precision. Dropout falls on the same places in
    both passes.
    """
    if len(image.chunks) == len(text.chunks) == 1:
        value = loss(image.encode(image.chunks[0]), text.encode(text.chunks[0]))
        scaled(value).backward()  # type: ignore[no-untyped-call]  # so shipped
        return float(value.detach())
    encoded = [_encoded(side) for side in (image, text)]
    value = loss(*(rows for rows, _ in encoded))
    scaled(value).backward()  # type: ignore[no-untyped-call]  # so shipped
    after = random_state()
    for side, (rows, states) in zip((image, text), encoded, strict=True):
        if rows.grad is not None:
            _propagate(side, rows.grad, states)
    set_random_state(after)
    return float(value.detach())


@torch.no_grad()
def _encoded(side: Side[T]) -> tuple[Tensor, list[list[Tensor]]]:
    """The vectors of all chunks, and where the random numbers stood before each."""
    parts, states = [], []
    for chunk in side.chunks:
        states.append(random_state())
        parts.append(side.encode(chunk))
    return torch.cat(parts).requires_grad_(not side.frozen), states


def _propagate(side: Side[T], gradient: Tensor, states: Sequence[list[Tensor]]) -> None:
    """From the gradient of the vectors to that of the weights, a chunk at a time."""
    start = 0
    for chunk, state in zip(side.chunks, states, strict=True):
        set_random_state(state)
        rows = side.encode(chunk)
        rows.backward(gradient[start : start + len(rows)])  # type: ignore[no-untyped-call]  # so shipped
        start += len(rows)
