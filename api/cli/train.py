"""``olhar train``: teach an encoder one's own photos and their captions."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli import show
from rag.build import build
from rag.encoders.compact.heads import FILE, PACKAGED
from rag.errors import InvalidInput
from rag.settings import Settings
from rag.training.budget import Budget
from rag.training.compact import Plan, Trained, train_compact
from rag.training.trainer import Epoch, Recipe

COMPACT = "compact"
PACKAGED_NAME = "packaged"


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
    validation: float = 0.05
    reference: Path | None = None
    budget: float = 0.02


def run(settings: Settings, options: Options, *, as_json: bool) -> None:
    """Train and say where the result lies and how good it is. Raises InvalidInput, RegressionTooLarge."""
    if options.model == COMPACT:
        trained = _compact(settings, options, quiet=as_json)
        folder, figures, bad = trained.file.parent, trained.figures, trained.bad
    else:
        raise InvalidInput(f"{options.model} cannot be trained: only `compact` can, so far")
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


def _compact(settings: Settings, options: Options, *, quiet: bool) -> Trained:
    given = {"epochs": options.epochs, "batch": options.batch, "learning_rate": options.learning_rate}
    recipe = Recipe(seed=options.seed, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]  # each of its field's type
    plan = Plan(
        data=options.data,
        out=options.out,
        recipe=recipe,
        start=_start(options.start),
        validation=options.validation,
        reference=options.reference,
        budget=Budget(points=options.budget),
        mix=options.mix,
        command=shlex.join(["olhar", *sys.argv[1:]]),
    )
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        disable=quiet,
    ) as progress:
        reading = progress.add_task("reading photos", total=None)
        training = progress.add_task("training", total=recipe.epochs)

        def on_epoch(epoch: Epoch) -> None:
            told = f"loss {epoch.loss:.3f}  recall@10 {epoch.recall['recall@10']:.3f}"
            progress.update(training, completed=epoch.number, description=f"training  {told}")

        return train_compact(
            plan,
            build(settings).models,
            on_photos=lambda done, count: progress.update(reading, advance=done, total=count),
            on_epoch=on_epoch,
        )


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
