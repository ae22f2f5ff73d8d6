"""``olhar eval``: how well the chosen encoder finds the photos of a data set. Opens no collection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from api.cli import show
from api.cli.show_evaluation import printed
from rag.build import Olhar, build
from rag.errors import InvalidInput
from rag.evaluation.datasets import read_dataset
from rag.evaluation.encoding import Watch
from rag.evaluation.prepared import Options
from rag.evaluation.protocols import Protocol
from rag.evaluation.retrieval import Evaluation, evaluate
from rag.evaluation.scoring import LEGS
from rag.models import encoder_row
from rag.retrieval.fusion import FUSIONS
from rag.settings import Settings
from rag.types import Leg

NOT_REPRODUCIBLE = "times depend on the machine and on what else it does: they are another on every run"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, as given on the command line."""

    dataset: Path
    protocol: Protocol | None = None
    form: str = ""
    split: str = ""
    language: str = ""
    legs: str = ",".join(LEGS)
    fusions: str = "calibrated"
    queries: int | None = None
    drop_captions: float = 0.0
    seed: int = 0

    def options(self) -> Options:
        """Raises InvalidInput for a leg or a fusion that there is not."""
        legs: list[Leg] = [leg for leg in LEGS if leg in _named("--legs", self.legs, LEGS)]
        fusions = _named("--fusion", self.fusions, tuple(FUSIONS))
        return Options(tuple(legs), fusions, self.drop_captions, self.queries, self.seed)


def run(settings: Settings, request: Request, *, as_json: bool) -> None:
    """Evaluate OLHAR_ENCODER on a data set, and print the figures."""
    with build(settings) as olhar, _progress(quiet=as_json) as watch:
        evaluation = _evaluated(olhar, request, watch)
    if as_json:
        typer.echo(json.dumps(as_object(evaluation), ensure_ascii=False))
    else:
        printed(evaluation)


def as_object(evaluation: Evaluation) -> dict[str, object]:
    """For JSON; what is another on every run stands apart, and says so."""
    stages = {name: asdict(stage) for name, stage in evaluation.latency.items()}
    return asdict(evaluation) | {
        "latency": {"reproducible": False, "note": NOT_REPRODUCIBLE, "stages": stages},
    }


def _evaluated(olhar: Olhar, request: Request, watch: Watch) -> Evaluation:
    options = request.options()
    return evaluate(
        read_dataset(request.dataset, request.form, split=request.split, language=request.language),
        request.protocol,
        olhar.encoder,
        olhar.text_encoder,
        encoder_row(olhar.model_name).calibration,
        max_pixels=olhar.settings.max_pixels,
        options=options,
        watch=watch,
    )


def _named(option: str, given: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise InvalidInput(f"{option} names {name!r}; there are {', '.join(known)}")
    if not names:
        raise InvalidInput(f"{option} names nothing; there are {', '.join(known)}")
    return names


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
