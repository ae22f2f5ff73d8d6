"""Train a model of two towers: the steps, the checkpoints, and when it stops."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rag.encoders.batching import free_memory, out_of_memory
from rag.encoders.overlap import overlapped
from rag.errors import InvalidInput
from rag.training.dual import Dual
from rag.training.gradcache import backward
from rag.training.losses import symmetric_info_nce
from rag.training.pairs import Batch, PhotoPairs, Tower
from rag.training.randomness import random_state, set_random_state
from rag.training.schedule import warmup_cosine
from rag.training.trainer import Epoch, OnEpoch, Outcome

logger = logging.getLogger(__name__)

SAVE_SECONDS = 300.0
"""Between two checkpoints within an epoch."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Everything that decides what comes out, besides the model and the data.

    ``rank`` is that of the adapters, 0 for none: all weights learn. The learning rate is for adapters, as in
    Zanella and Ben Ayed 2024, arXiv 2405.18541.
    """

    seed: int = 0
    epochs: int = 10
    batch: int = 256
    learning_rate: float = 2e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    rank: int = 16
    freeze: Tower | None = None
    patience: int = 3
    """Epochs without a better validation recall before it stops."""
    balance: str = ""
    """The field that says whose photo it is; each group then has the same share of what is seen."""


OnStep = Callable[[int, int, float], None]
"""Is told the step, of how many, and its loss."""


def tune(
    dual: Dual,
    pairs: PhotoPairs,
    validation: PhotoPairs,
    tuning: Tuning,
    *,
    chunk: int,
    start: str = "",
    checkpoint: Path | None = None,
    on_step: OnStep = lambda _step, _steps, _loss: None,
    on_epoch: OnEpoch = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Symmetric InfoNCE over the weights of ``dual`` that learn, until the epochs are over or mean
    validation recall no longer grows. At the end ``dual`` holds the weights of the best epoch.

    Of a batch no more than ``chunk`` pictures or texts are on the device with their activations; when even
    they do not fit, the chunk is halved and the log says so. With ``checkpoint`` the whole state is written
    there after each epoch and every ``SAVE_SECONDS``, and a file that is there is gone on from: the result
    is bit for bit that of a run that was not broken off. ``start`` names the weights that it begins from.
    Raises InvalidInput when the file is of another run, when the loss is no longer finite, and when not
    even one picture fits.
    """
    run = _Run(dual, pairs, tuning, chunk, start)
    if checkpoint is not None and checkpoint.is_file():
        run.resume(checkpoint)
    saved = clock()
    while not run.over:
        for loss in run.steps_of_epoch():
            on_step(run.step, run.steps, loss)
            if checkpoint is not None and clock() - saved >= SAVE_SECONDS:
                run.save(checkpoint)
                saved = clock()
        epoch = run.close_epoch(validation.recall())
        if checkpoint is not None:
            run.save(checkpoint)
            saved = clock()
        on_epoch(epoch)
    run.take_best()
    return Outcome(run.best_weights, run.best, run.history)


class _Run:
    def __init__(self, dual: Dual, pairs: PhotoPairs, tuning: Tuning, chunk: int, start: str) -> None:
        self.dual, self.pairs, self.tuning, self.chunk, self.start = dual, pairs, tuning, chunk, start
        self.size = min(tuning.batch, len(pairs.owners))
        self.batches = len(pairs.owners) // self.size
        self.steps = self.batches * tuning.epochs
        self.step = 0
        self.losses: list[float] = []
        self.seconds = 0.0
        self.history: list[Epoch] = []
        self.best = 0
        self.best_weights: dict[str, Tensor] = {}
        torch.manual_seed(tuning.seed)
        self.scaler = torch.amp.GradScaler(dual.device.type, enabled=dual.precision == torch.float16)
        learned = dual.learned().values()
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in learned if p.ndim > 1], "weight_decay": tuning.weight_decay},
                {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=tuning.learning_rate,
            betas=(0.9, 0.98),
        )

    @property
    def over(self) -> bool:
        done = len(self.history)
        return done >= self.tuning.epochs or (self.best > 0 and done - self.best >= self.tuning.patience)

    def steps_of_epoch(self) -> Iterator[float]:
        """The steps that this epoch still has; the loss of each."""
        self.dual.train()
        until = (len(self.history) + 1) * self.batches
        while self.step < until:
            yield from self._steps_at_this_chunk(until)

    def _steps_at_this_chunk(self, until: int) -> Iterator[float]:
        order = self._order()
        chosen = [order[n * self.size : (n + 1) * self.size] for n in range(self.batches)]
        left = chosen[self.step - until :]
        chunk = self.chunk
        for (batch,) in overlapped(left, lambda some: self.pairs.prepare(some, chunk), batch=1):
            began, state = time.perf_counter(), random_state()
            try:
                loss = self._step(batch)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                set_random_state(state)
                self._halve(error)
                return
            self.seconds += time.perf_counter() - began
            yield loss

    def _order(self) -> Tensor:
        """The captions in the order of this epoch, which hangs on the seed and the epoch alone.

        Balanced, as many are drawn with replacement, those of a small group more often.
        """
        rng = torch.Generator().manual_seed(self.tuning.seed * 100_003 + len(self.history))
        if self.tuning.balance:
            weights = self.pairs.weights
            return torch.multinomial(weights, len(weights), replacement=True, generator=rng)
        return torch.randperm(len(self.pairs.owners), generator=rng)

    def _step(self, batch: Batch) -> float:
        factor = warmup_cosine(self.step, self.steps, self.tuning.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = self.tuning.learning_rate * factor
        self.optimiser.zero_grad()
        loss = backward(
            batch.image,
            batch.text,
            lambda image, text: symmetric_info_nce(self.dual.logits(image, text), batch.positives),
            scaled=self.scaler.scale,
        )
        if not math.isfinite(loss):
            raise InvalidInput(
                f"the loss is no longer a number after {self.step} steps; "
                f"--learning-rate {self.tuning.learning_rate:g} is too high for this model: take a tenth"
            )
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.dual.hold_temperature()
        self.step += 1
        self.losses.append(loss)
        return loss

    def _halve(self, error: RuntimeError) -> None:
        self.optimiser.zero_grad()
        free_memory()
        if self.chunk == 1:
            raise InvalidInput(
                "there is too little memory for one picture; train a smaller model, leave out --full, "
                "or set OLHAR_ENCODER_DEVICE=cpu"
            ) from error
        self.chunk //= 2
        logger.warning(
            "out of memory; going on with %d at a time (--chunk %d avoids this)", self.chunk, self.chunk
        )

    def close_epoch(self, recall: dict[str, float]) -> Epoch:
        """Note how the epoch went, and its weights when they are the best."""
        epoch = Epoch(
            number=len(self.history) + 1,
            loss=sum(self.losses) / len(self.losses),
            temperature=float(torch.exp(-self.dual.log_scale.detach())),
            seconds=self.seconds,
            recall=recall,
        )
        self.losses, self.seconds = [], 0.0
        held = self.history[self.best - 1].score if self.best else -1.0
        self.history.append(epoch)
        if epoch.score > held:
            self.best = epoch.number
            self.best_weights = {name: v.detach().cpu().clone() for name, v in self.dual.learned().items()}
        return epoch

    def take_best(self) -> None:
        """Put the weights of the best epoch into the model."""
        self._set(self.best_weights)
        self.dual.eval()

    @torch.no_grad()
    def _set(self, weights: Mapping[str, Tensor]) -> None:
        for name, value in self.dual.learned().items():
            value.copy_(weights[name])

    def save(self, path: Path) -> None:
        state = {
            "what": self._what(),
            "weights": self.dual.learned(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "chunk": self.chunk,
            "losses": self.losses,
            "seconds": self.seconds,
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            "best_weights": self.best_weights,
            "random": random_state(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        torch.save(state, draft)
        os.replace(draft, path)

    def resume(self, path: Path) -> None:
        state: Mapping[str, Any] = torch.load(path, map_location=self.dual.device, weights_only=True)
        if state.get("what") != self._what():
            raise InvalidInput(
                f"{path} is of a run with another model, other data or other options; "
                "repeat that one, or take another --out"
            )
        self._set(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.chunk, self.best = state["step"], min(state["chunk"], self.chunk), state["best"]
        self.losses, self.seconds = list(state["losses"]), state["seconds"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best_weights = {name: value.cpu() for name, value in state["best_weights"].items()}
        set_random_state(state["random"])

    def _what(self) -> dict[str, object]:
        return {"tuning": asdict(self.tuning), "data": self.pairs.digest(), "start": self.start}
