"""``olhar eval``: how well the chosen encoder finds the photos of a data set. Opens no collection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from api.cli import show
from rag.build import build
from rag.evaluation.datasets import read_dataset
from rag.evaluation.protocols import Protocol
from rag.evaluation.retrieval import Evaluation, Watch, evaluate
from rag.models import encoder_row
from rag.settings import Settings


def run(settings: Settings, folder: Path, protocol: Protocol, *, as_json: bool) -> None:
    """Evaluate OLHAR_ENCODER on a data set, and print the figures."""
    dataset = read_dataset(folder)
    with build(settings) as olhar, _progress(quiet=as_json) as watch:
        evaluation = evaluate(
            dataset,
            protocol,
            olhar.encoder,
            olhar.text_encoder,
            encoder_row(olhar.model_name).calibration,
            max_pixels=settings.max_pixels,
            watch=watch,
        )
    if as_json:
        typer.echo(json.dumps(asdict(evaluation), ensure_ascii=False))
    else:
        _print(evaluation)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Watch]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=show.console(stderr=True), disable=quiet, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield watch


def _print(evaluation: Evaluation) -> None:
    out = show.console()
    for row in evaluation.bad_rows[: show.SHOWN_PROBLEMS]:
        out.print(f"[yellow]left out[/] line {row.line} {escape(row.file)}: {escape(row.reason)}")
    if len(evaluation.bad_rows) > show.SHOWN_PROBLEMS:
        out.print(f"… and {len(evaluation.bad_rows) - show.SHOWN_PROBLEMS} more; --json lists all")
    out.print(
        f"[bold]{escape(evaluation.encoder)}[/], {evaluation.protocol}: "
        f"{evaluation.photos} photos, {evaluation.queries} queries"
    )
    rows: list[tuple[str, Mapping[str, float]]] = [*evaluation.legs.items(), ("fused", evaluation.fused)]
    table = Table("ranking", *evaluation.fused, box=None, pad_edge=False)
    for name, means in rows:
        table.add_row(name, *(f"{value:.3f}" for value in means.values()))
    out.print(table)
