"""Train two heads on cached features: the loop, its checkpoints and how it stops."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rag.errors import InvalidInput
from rag.training.heads import MorePairs, TwoHeads
from rag.training.losses import same_owner, softened, symmetric_info_nce
from rag.training.schedule import warmup_cosine

RECALLS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out, besides the data."""

    seed: int = 0
    members: int = 4
    """Pairs of heads, each from another random start, whose vectors are put one behind the other."""
    epochs: int = 6
    batch: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warmup: float = 0.1
    hidden: int = 384
    outputs: int = 256
    dropout: float = 0.4
    blend: float = 0.5
    """How often a text is a random mixture of two captions of its photo."""
    forget: float = 0.3
    """How often a photo shows only its core features, the others being at their mean."""
    soft: float = 0.2
    """Share of the target that goes to photos of which like things are said."""
    softness: float = 0.1
    """The temperature of that share: how alike the captions have to be."""
    texts: float = 0.3
    """Weight of the loss between two captions of one photo."""
    more: float = 0.5
    """Weight of the further pairs in the loss."""
    average: float = 0.98
    """Decay of the running mean of the weights, which is what is kept."""
    patience: int = 6
    """Epochs without a better validation recall before it stops."""
    start_rate: float = 0.2
    """The learning rate is multiplied by this when training starts from existing heads."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Features of photos in one or more views, shape (views, photos, dim), and of their captions, shape
    (captions, dim); ``owners`` holds for each caption the number of its photo. The first ``core`` features
    of a photo are never forgotten (0: all of them). ``said`` (photos, dim) has length 1 and tells how alike
    the captions of two photos are; without it the targets are hard.
    """

    image: Tensor
    text: Tensor
    owners: Tensor
    core: int = 0
    said: Tensor | None = None

    def digest(self) -> str:
        """Names this data, so that a run is not resumed on another."""
        parts = (self.image, self.text, self.owners)
        return hashlib.sha256(repr([(p.shape, float(p.double().sum())) for p in parts]).encode()).hexdigest()


@dataclass(slots=True)
class Epoch:
    """What one epoch came to. Times in seconds, recalls in [0, 1]."""

    number: int
    loss: float
    temperature: float
    seconds: float
    recall: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """What the best epoch is chosen by: the mean of its recalls, since one alone is noisy."""
        return sum(self.recall.values()) / len(self.recall)


@dataclass(slots=True)
class Outcome:
    """The weights of the best epoch, and how it went."""

    weights: dict[str, Tensor]
    best: int
    history: list[Epoch]


OnEpoch = Callable[[Epoch], None]


def train_heads(
    heads: TwoHeads,
    pairs: Pairs,
    validation: Pairs,
    recipe: Recipe,
    *,
    more: MorePairs | None = None,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch = lambda _: None,
) -> Outcome:
    """Symmetric InfoNCE until the epochs are over or mean validation recall no longer grows.

    With ``checkpoint`` the whole state is written there after each epoch, and a file that is there is gone
    on from: the result is bit for bit that of a run that was not broken off. Raises InvalidInput when that
    file belongs to other data or another recipe.
    """
    run = _Run(heads, pairs, recipe, more)
    if checkpoint is not None and checkpoint.is_file():
        run.resume(checkpoint)
    while not run.over:
        began = time.perf_counter()
        loss = run.epoch()
        weights = run.averaged()
        epoch = Epoch(
            number=len(run.history) + 1,
            loss=loss,
            temperature=float(torch.exp(-heads.log_scale.detach())),
            seconds=time.perf_counter() - began,
            recall=recall(_with(heads, weights), validation),
        )
        run.keep(epoch, weights)
        if checkpoint is not None:
            run.save(checkpoint)
        on_epoch(epoch)
    return Outcome(run.best_weights, run.best, run.history)


@torch.no_grad()
def recall(heads: TwoHeads, pairs: Pairs) -> dict[str, float]:
    """Text to image, each caption a query, the first view of every photo the gallery: recall@1, @5, @10."""
    was_training = heads.training
    heads.eval()
    scores = heads.text(pairs.text) @ heads.image(pairs.image[0]).T
    heads.train(was_training)
    right = scores.gather(1, pairs.owners[:, None])
    ranks = (scores > right).sum(1)
    return {f"recall@{k}": float((ranks < k).double().mean()) for k in RECALLS}


class _Run:
    def __init__(self, heads: TwoHeads, pairs: Pairs, recipe: Recipe, more: MorePairs | None) -> None:
        self.heads, self.pairs, self.recipe, self.more = heads, pairs, recipe, more
        self.batches = max(1, len(pairs.owners) // recipe.batch)
        self.steps = self.batches * recipe.epochs
        self.step = 0
        self.history: list[Epoch] = []
        self.best = 0
        self.best_weights: dict[str, Tensor] = {}
        self.rng = torch.Generator().manual_seed(recipe.seed)
        torch.manual_seed(recipe.seed)
        decayed = [p for p in heads.parameters() if p.ndim > 1]
        others = [p for p in heads.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
        )
        self.mean = {name: value.clone() for name, value in heads.state_dict().items()}
        order = torch.argsort(pairs.owners, stable=True)
        counts = torch.bincount(pairs.owners, minlength=pairs.image.shape[1])
        self.by_owner, self.counts = order, counts
        self.starts = torch.cumsum(counts, 0) - counts

    @property
    def over(self) -> bool:
        done = len(self.history)
        return done >= self.recipe.epochs or (self.best > 0 and done - self.best >= self.recipe.patience)

    def epoch(self) -> float:
        """One pass over the pairs; the mean loss."""
        self.heads.train()
        order = torch.randperm(len(self.pairs.owners), generator=self.rng)
        size = min(self.recipe.batch, len(order))
        losses = [self._step(order[n * size : (n + 1) * size]) for n in range(self.batches)]
        return sum(losses) / len(losses)

    def _step(self, chosen: Tensor) -> float:
        loss = self._pairs_loss(chosen)
        if self.more is not None and self.recipe.more:
            image, text, positives = self.more(self.rng)
            loss = loss + self.recipe.more * symmetric_info_nce(self.heads.logits(image, text), positives)
        factor = warmup_cosine(self.step, self.steps, self.recipe.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * factor
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # so shipped
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    def _pairs_loss(self, chosen: Tensor) -> Tensor:
        image, text, second, owners = self._batch(chosen)
        positives = self._positives(owners)
        seen, read, other = self.heads.image(image), self.heads.text(text), self.heads.text(second)
        scale = self.heads.scale
        loss = symmetric_info_nce(scale * seen @ read.T, positives)
        return loss + self.recipe.texts * symmetric_info_nce(scale * read @ other.T, positives)

    def _positives(self, owners: Tensor) -> Tensor:
        own = same_owner(owners)
        if self.pairs.said is None:
            return own
        said = self.pairs.said[owners]
        return softened(own, said @ said.T, share=self.recipe.soft, temperature=self.recipe.softness)

    def _batch(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        owners = self.pairs.owners[chosen]
        n = len(chosen)
        view = torch.randint(len(self.pairs.image), (n,), generator=self.rng)
        other = (torch.rand(n, generator=self.rng) * self.counts[owners]).long()
        blended = torch.rand(n, generator=self.rng) < self.recipe.blend
        share = torch.where(blended, torch.rand(n, generator=self.rng), torch.ones(n))[:, None]
        second = self.pairs.text[self.by_owner[self.starts[owners] + other]]
        return (
            self._forgetful(self.pairs.image[view, owners]),
            share * self.pairs.text[chosen] + (1 - share) * second,
            second,
            owners,
        )

    def _forgetful(self, image: Tensor) -> Tensor:
        if not self.pairs.core:
            return image
        forgotten = torch.rand(len(image), 1, generator=self.rng) < self.recipe.forget
        rest = torch.arange(image.shape[1]) >= self.pairs.core
        return torch.where(forgotten & rest, self.heads.image.mean, image)

    @torch.no_grad()
    def _average(self) -> None:
        # Early steps are forgotten faster, so that a short run is not half its random start.
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, value in self.heads.state_dict().items():
            self.mean[name].lerp_(value, 1 - decay)

    def averaged(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.mean.items()}

    def keep(self, epoch: Epoch, weights: dict[str, Tensor]) -> None:
        self.history.append(epoch)
        held = self.history[self.best - 1].score if self.best else -1.0
        if epoch.score > held:
            self.best, self.best_weights = epoch.number, weights

    def save(self, path: Path) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "data": self.pairs.digest(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "mean": self.mean,
            "step": self.step,
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            "best_weights": self.best_weights,
            "rng": self.rng.get_state(),
            "global_rng": torch.get_rng_state(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        torch.save(state, draft)
        os.replace(draft, path)

    def resume(self, path: Path) -> None:
        state: Mapping[str, Any] = torch.load(path, weights_only=True)
        if state["recipe"] != asdict(self.recipe) or state["data"] != self.pairs.digest():
            raise InvalidInput(
                f"{path} is of a run with other data or another recipe; "
                "repeat that one, or take another --out"
            )
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.mean = dict(state["mean"])
        self.step, self.best = state["step"], state["best"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best_weights = dict(state["best_weights"])
        self.rng.set_state(state["rng"])
        torch.set_rng_state(state["global_rng"])


def _with(heads: TwoHeads, weights: Mapping[str, Tensor]) -> TwoHeads:
    """A copy of the heads that holds other weights."""
    copy = TwoHeads(
        heads.image.first.in_features,
        heads.text.first.in_features,
        hidden=heads.image.first.out_features,
        outputs=heads.image.second.out_features,
    )
    copy.load_state_dict(dict(weights))
    return copy
