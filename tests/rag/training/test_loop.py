"""The loop over two towers learns, stops, goes on exactly where it was, and makes do with little memory."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rag.encoders.batching import Batches
from rag.errors import InvalidInput
from rag.training import loop
from rag.training.datasets import Photos, read_photos
from rag.training.dual import Dual
from rag.training.finetune import decodable
from rag.training.loop import Tuning, tune
from rag.training.lora import add_lora
from rag.training.pairs import Batch, PhotoPairs
from rag.training.trainer import Epoch, Outcome

TUNING = Tuning(epochs=3, batch=12, learning_rate=5e-3, rank=4, patience=9)
Make = Callable[[], Dual]


class Broken(Exception):
    """The power went."""


@pytest.fixture(scope="module")
def photos(colours: Path) -> Photos:
    return decodable(read_photos(colours))


def ready(make: Make, rank: int = 4) -> Dual:
    dual = make()
    torch.manual_seed(0)
    if rank:
        add_lora(dual.towers, rank)
    dual.log_scale.requires_grad_(True)
    return dual


def train(dual: Dual, photos: Photos, tuning: Tuning = TUNING, *, chunk: int = 5, **more: Any) -> Outcome:
    pairs = PhotoPairs(dual, photos, Batches(8, model="m", setting="MODEL"), frozen=tuning.freeze)
    return tune(dual, pairs, pairs, tuning, chunk=chunk, **more)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_and_the_model_holds_the_best_epoch(make_dual: Make, photos: Photos) -> None:
    dual = ready(make_dual)
    outcome = train(dual, photos, replace(TUNING, epochs=12))
    assert outcome.history[-1].loss < outcome.history[0].loss
    best = outcome.history[outcome.best - 1]
    assert best.recall["recall@5"] > 0.6  # by chance: .31
    assert same({name: value.detach() for name, value in dual.learned().items()}, outcome.weights)
    assert PhotoPairs(dual, photos, Batches(8, model="m", setting="M")).recall() == best.recall


def test_the_same_seed_gives_the_same_weights(make_dual: Make, photos: Photos) -> None:
    first = train(ready(make_dual), photos)
    assert same(first.weights, train(ready(make_dual), photos).weights)
    assert not same(first.weights, train(ready(make_dual), photos, replace(TUNING, seed=1)).weights)


@pytest.mark.parametrize("broken_at", [2, 4, 5])
def test_a_run_that_broke_off_ends_bit_for_bit_the_same(
    make_dual: Make, photos: Photos, tmp_path: Path, broken_at: int
) -> None:
    """Broken within an epoch (of two steps) and at its end; the clock has every step saved."""
    clock = itertools.count(step=int(loop.SAVE_SECONDS)).__next__

    def on_step(step: int, _steps: int, _loss: float) -> None:
        if step == broken_at:
            raise Broken

    whole = train(ready(make_dual), photos)
    path = tmp_path / "c.pt"
    with pytest.raises(Broken):
        train(ready(make_dual), photos, checkpoint=path, on_step=on_step, clock=clock)
    steps: list[int] = []
    resumed = train(
        ready(make_dual), photos, checkpoint=path, on_step=lambda step, _all, _loss: steps.append(step)
    )
    assert steps == list(range(broken_at, 7))
    assert same(whole.weights, resumed.weights)
    assert [epoch.loss for epoch in whole.history] == [epoch.loss for epoch in resumed.history]


def test_a_checkpoint_of_another_run_is_refused(make_dual: Make, photos: Photos, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    train(ready(make_dual), photos, replace(TUNING, epochs=1), checkpoint=path)
    fewer = replace(photos, photos=photos.photos[:-1])
    short = replace(TUNING, epochs=1)
    for data, tuning, start in ((photos, TUNING, ""), (photos, short, "other"), (fewer, short, "")):
        with pytest.raises(InvalidInput, match="another --out"):
            train(ready(make_dual), data, tuning, checkpoint=path, start=start)


def test_chunks_do_not_change_the_loss(make_dual: Make, photos: Photos) -> None:
    losses = [
        train(ready(make_dual, rank=0), photos, replace(TUNING, epochs=1, rank=0), chunk=chunk)
        .history[0]
        .loss
        for chunk in (1, 5, 100)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


def test_out_of_memory_halves_the_chunk_and_says_so(
    make_dual: Make, photos: Photos, caplog: pytest.LogCaptureFixture
) -> None:
    dual = ready(make_dual)

    def little_memory(_module: object, inputs: tuple[dict[str, Any]]) -> None:
        if torch.is_grad_enabled() and len(next(iter(inputs[0].values()))) > 3:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")

    dual.register_forward_pre_hook(little_memory)
    with caplog.at_level(logging.WARNING):
        outcome = train(dual, photos, chunk=12)
    assert "going on with 6" in caplog.text
    assert "--chunk 3 avoids this" in caplog.text
    expected = train(ready(make_dual), photos, chunk=3)
    assert [epoch.loss for epoch in outcome.history] == [epoch.loss for epoch in expected.history]


@pytest.mark.parametrize(
    ("reason", "raised", "said"),
    [("CUDA out of memory", InvalidInput, "one picture"), ("shapes do not fit", RuntimeError, "shapes")],
)
def test_too_little_memory_for_one_picture_and_other_errors_end_it(
    make_dual: Make, photos: Photos, reason: str, raised: type[Exception], said: str
) -> None:
    dual = ready(make_dual)

    def fail(_inputs: object) -> None:
        raise RuntimeError(reason)

    pairs = PhotoPairs(dual, photos, Batches(8, model="m", setting="MODEL"))
    dual.register_forward_pre_hook(lambda _module, inputs: fail(inputs))
    with pytest.raises(raised, match=said):
        tune(dual, pairs, pairs, TUNING, chunk=5)


def test_a_loss_that_is_no_number_is_named_with_the_remedy(make_dual: Make, photos: Photos) -> None:
    with pytest.raises(InvalidInput, match="--learning-rate"):
        train(ready(make_dual, rank=0), photos, replace(TUNING, epochs=30, learning_rate=1e30, warmup=0))


def test_it_stops_when_validation_no_longer_gains(
    make_dual: Make, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.4, 0.3, 0.2, 0.9])
    recall = {"recall@1": 0.0, "recall@5": 0.0}
    monkeypatch.setattr(PhotoPairs, "recall", lambda _: recall | {"recall@10": next(scores)})
    epochs: list[Epoch] = []
    outcome = train(ready(make_dual), photos, replace(TUNING, epochs=9, patience=2), on_epoch=epochs.append)
    assert (outcome.best, len(outcome.history)) == (2, 4)
    assert epochs == outcome.history


@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_tower_is_encoded_once(
    make_dual: Make, photos: Photos, tower: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dual = ready(make_dual)
    calls: list[int] = []
    name = {"image": "prepare_pictures", "text": "prepare_texts"}[tower]
    prepare = getattr(dual, name)

    def counted(some: list[Any]) -> Any:
        calls.append(len(some))
        return prepare(some)

    monkeypatch.setattr(dual, name, counted)
    train(dual, photos, replace(TUNING, freeze=tower))
    assert sum(calls) == {"image": 16, "text": 32}[tower]


def test_balanced_each_group_is_seen_alike_often(make_dual: Make, photos: Photos) -> None:
    grouped = tuple(replace(photo, group="few" if n < 2 else "many") for n, photo in enumerate(photos.photos))
    dual = ready(make_dual)
    seen: list[int] = []

    class Noting(PhotoPairs):
        def prepare(self, chosen: Tensor, chunk: int) -> Batch:
            seen.extend(self.owners[chosen].tolist())
            return super().prepare(chosen, chunk)

    pairs = Noting(dual, replace(photos, photos=grouped), Batches(8, model="m", setting="MODEL"))
    tune(dual, pairs, pairs, replace(TUNING, balance="who"), chunk=5)
    assert 0.35 < sum(owner < 2 for owner in seen) / len(seen) < 0.65
    weights = pairs.weights
    assert weights[pairs.owners < 2].sum() == pytest.approx(1) == weights[pairs.owners >= 2].sum()
