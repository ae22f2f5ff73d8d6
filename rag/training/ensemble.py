"""Several pairs of heads that act as one: trained one after the other, and brought into one space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from rag.encoders.compact.heads import COMMON
from rag.training.heads import MorePairs, TwoHeads
from rag.training.trainer import Epoch, OnEpoch, Outcome, Pairs, Recipe, train_heads

SEEDS = 1000
"""Members of one seed never start like those of another, as long as there are fewer than this."""

Weights = Mapping[str, Tensor]


def train_members(
    fresh: Callable[[int], TwoHeads],
    pairs: Pairs,
    validation: Pairs,
    recipe: Recipe,
    *,
    more: MorePairs | None = None,
    checkpoints: Path | None = None,
    on_epoch: OnEpoch = lambda _: None,
) -> list[Outcome]:
    """Train ``recipe.members`` pairs of heads; ``fresh`` makes that of a number, after its seed was set.

    The epochs are numbered through. In the folder ``checkpoints`` each member keeps its state
    (``train_heads``), so a run that was broken off goes on in the member, and at the epoch, where it was.
    """
    outcomes = []
    for number in range(recipe.members):
        own = replace(recipe, seed=recipe.seed * SEEDS + number)
        before = number * recipe.epochs

        def told(epoch: Epoch, before: int = before) -> None:
            on_epoch(replace(epoch, number=before + epoch.number))

        torch.manual_seed(own.seed)
        outcome = train_heads(
            fresh(number),
            pairs,
            validation,
            own,
            more=more,
            checkpoint=checkpoint(checkpoints, number) if checkpoints else None,
            on_epoch=told,
        )
        history = [replace(epoch, number=before + epoch.number) for epoch in outcome.history]
        outcomes.append(Outcome(outcome.weights, before + outcome.best, history))
    return outcomes


def checkpoint(folder: Path, number: int) -> Path:
    """Where a member keeps its state."""
    return folder / f"checkpoint-{number}.pt"


def together(members: Sequence[Weights], common: Tensor) -> dict[str, Tensor]:
    """The weights of all members in one mapping, as the file of heads has them."""
    named = {f"{n}.{name}": value for n, member in enumerate(members) for name, value in member.items()}
    return {**named, COMMON: common}


def apart(weights: Weights) -> tuple[list[dict[str, Tensor]], Tensor]:
    """What ``together`` put together, whatever else is beside it."""
    members: dict[int, dict[str, Tensor]] = {}
    for name, value in weights.items():
        if "." in name:
            number, _, rest = name.partition(".")
            members.setdefault(int(number), {})[rest] = value
    return [members[number] for number in sorted(members)], weights[COMMON]


@torch.no_grad()
def common_space(members: Sequence[TwoHeads], pairs: Pairs, outputs: int) -> Tensor:
    """A matrix with orthonormal columns, shape (numbers of all members, outputs), for pictures and texts.

    It keeps as much as can be kept of the cosines of the members' vectors, put one behind the other: the
    eigenvectors of the mean of both sides' second moments, about zero and not about the mean. With the heads
    of 4 members, 256 of 1,024 numbers lose nothing that recall would show.
    """
    moments = []
    for features, side in ((pairs.image[0], "image"), (pairs.text, "text")):
        rows = torch.cat([getattr(member.eval(), side)(features) for member in members], dim=1).double()
        moments.append(rows.T @ rows / len(rows))
    found: Tensor = torch.linalg.eigh(moments[0] + moments[1]).eigenvectors
    return found.flip(1)[:, :outputs].float().contiguous()
