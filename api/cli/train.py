"""``olhar train``: teach an encoder one's own photos and their captions."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli import show
from rag.build import build
from rag.encoders.compact.heads import FILE, PACKAGED, tuned_heads
from rag.errors import InvalidInput
from rag.settings import Settings
from rag.training.budget import Budget
from rag.training.compact import Plan, Trained, train_compact
from rag.training.finetune import CHUNK, Tuned, TuningPlan, finetune
from rag.training.loop import Tuning
from rag.training.trainer import Epoch, Recipe

COMPACT = "compact"
PACKAGED_NAME = "packaged"
FULL_LEARNING_RATE = 1e-5
"""All weights need far smaller steps than adapters."""


@dataclass(frozen=True, slots=True)
class Options:
    """What ``olhar train`` was given; ``None`` where the default of the method holds."""

    model: str
    data: Path
    out: Path
    seed: int = 0
    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    start: str | None = None
    mix: float = 1.0
    replay: Path | None = None
    validation: float = 0.05
    reference: Path | None = None
    budget: float = 0.02
    rank: int | None = None
    full: bool = False
    chunk: int | None = None
    freeze: Literal["image", "text"] | None = None
    balance: str = ""


def run(settings: Settings, options: Options, *, as_json: bool) -> None:
    """Train and say where the result lies and how good it is. Raises InvalidInput, RegressionTooLarge."""
    with _bars(quiet=as_json) as progress:
        if options.model == COMPACT:
            trained = _compact(settings, options, progress)
            folder, figures, bad = trained.file.parent, trained.figures, trained.bad
        else:
            tuned = _towers(settings, options, progress)
            folder, figures, bad = tuned.folder, tuned.figures, tuned.bad
    if as_json:
        rows = [f"{row.where}: {row.reason}" for row in bad]
        typer.echo(json.dumps({"folder": str(folder), "figures": figures, "bad_rows": rows}))
        return
    out = show.console()
    for row in bad:
        out.print(f"left out: {row.where}: {row.reason}", markup=False)
    for name, measures in figures.items():
        told = "  ".join(f"{measure} {value:.3f}" for measure, value in measures.items())
        out.print(f"{name}: {told}", markup=False)
    out.print(f"written to {folder}; use it with OLHAR_ENCODER={folder}", markup=False, soft_wrap=True)


def _bars(*, quiet: bool) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, disable=quiet)


def _compact(settings: Settings, options: Options, progress: Progress) -> Trained:
    _refuse(options, COMPACT, "rank", "full", "chunk", "freeze", "balance")
    recipe = Recipe(seed=options.seed, **_given(options))  # type: ignore[arg-type]  # each of its field's type
    plan = Plan(
        data=options.data,
        out=options.out,
        recipe=recipe,
        start=_start(options.start),
        validation=options.validation,
        reference=options.reference,
        budget=Budget(points=options.budget),
        mix=options.mix,
        replay=options.replay,
        command=_command(),
    )
    reading = progress.add_task("reading photos", total=None)
    training = progress.add_task("training", total=recipe.epochs * recipe.members)

    def on_epoch(epoch: Epoch) -> None:
        told = f"loss {epoch.loss:.3f}  recall@10 {epoch.recall['recall@10']:.3f}"
        progress.update(training, completed=epoch.number, description=f"training  {told}")

    return train_compact(
        plan,
        build(settings).models,
        on_photos=lambda done, count: progress.update(reading, advance=done, total=count),
        on_epoch=on_epoch,
    )


def _towers(settings: Settings, options: Options, progress: Progress) -> Tuned:
    _refuse(options, options.model, "start")
    if tuned_heads(options.model) is not None:
        raise InvalidInput(
            f"{options.model} holds heads of compact: `olhar train compact --start {options.model}`"
        )
    if options.full and options.rank is not None:
        raise InvalidInput("--rank is that of adapters, and --full trains without any: give one of them")
    given = _given(options)
    if options.full:
        given = {"learning_rate": FULL_LEARNING_RATE, "rank": 0} | given
    elif options.rank is not None:
        given["rank"] = options.rank
    tuning = Tuning(seed=options.seed, freeze=options.freeze, balance=options.balance, **given)  # type: ignore[arg-type]  # each of its field's type
    plan = TuningPlan(
        model=options.model,
        data=options.data,
        out=options.out,
        tuning=tuning,
        chunk=options.chunk or CHUNK,
        device=settings.encoder_device,
        validation=options.validation,
        reference=options.reference,
        budget=Budget(points=options.budget),
        mix=options.mix,
        replay=options.replay,
        command=_command(),
    )
    reading = progress.add_task("reading photos", total=None)
    training = progress.add_task("training", total=None)
    said = {"recall": ""}

    def on_step(step: int, steps: int, loss: float) -> None:
        told = f"training  loss {loss:.3f}{said['recall']}"
        progress.update(training, completed=step, total=steps, description=told)

    def on_epoch(epoch: Epoch) -> None:
        said["recall"] = f"  recall@10 {epoch.recall['recall@10']:.3f}"

    return finetune(
        plan,
        on_photos=lambda done, count: progress.update(reading, advance=done, total=count),
        on_step=on_step,
        on_epoch=on_epoch,
    )


def _given(options: Options) -> dict[str, float]:
    """What replaces a method's default."""
    given = {"epochs": options.epochs, "batch": options.batch, "learning_rate": options.learning_rate}
    return {name: value for name, value in given.items() if value is not None}


def _refuse(options: Options, model: str, *names: str) -> None:
    """What is there for other models only is not silently left aside."""
    for name in names:
        if getattr(options, name):
            raise InvalidInput(f"--{name} is not for {model}; docs/training.md says which options are")


def _command() -> str:
    return shlex.join(["olhar", *sys.argv[1:]])


def _start(given: str | None) -> Path | None:
    if given is None:
        return None
    path = PACKAGED if given == PACKAGED_NAME else Path(given)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise InvalidInput(
            f"--start {given}: there are no heads; give `packaged` or a folder of `olhar train`"
        )
    return path
