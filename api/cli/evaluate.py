"""``olhar eval``: how well the chosen encoder finds the photos of a data set. Opens no collection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from api.cli import show
from api.cli.show_evaluation import printed
from rag.build import Olhar, build
from rag.errors import InvalidInput
from rag.evaluation.datasets import read_dataset
from rag.evaluation.encoding import Watch
from rag.evaluation.prepared import Options, Prepared
from rag.evaluation.protocols import Protocol
from rag.evaluation.rankings import Ranker
from rag.evaluation.report import check_writable, write_report
from rag.evaluation.reranking import Reranked
from rag.evaluation.retrieval import Evaluation, evaluate
from rag.evaluation.scoring import LEGS
from rag.evaluation.stopwatch import Stopwatch
from rag.evaluation.stored import Stored
from rag.pipeline import describe
from rag.protocols import Store
from rag.retrieval.fusion import FUSIONS
from rag.retrieval.paging import MAX_HITS
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.store import MilvusStore
from rag.types import Leg

NO_RERANKER = "not reranked: no reranker is configured (OLHAR_RERANKER=none)"
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
    rerank: bool = False
    through_store: bool = False
    report: Path | None = None
    drop_captions: float = 0.0
    seed: int = 0

    def options(self) -> Options:
        """Raises InvalidInput for a leg or a fusion that there is not."""
        legs: list[Leg] = [leg for leg in LEGS if leg in _named("--legs", self.legs, LEGS)]
        fusions = _named("--fusion", self.fusions, tuple(FUSIONS))
        if self.through_store and len(legs) < len(LEGS):
            raise InvalidInput("--through-store searches by all legs: leave --legs away")
        return Options(tuple(legs), fusions, self.drop_captions, self.queries, self.seed)


def run(settings: Settings, request: Request, *, as_json: bool) -> None:
    """Evaluate OLHAR_ENCODER on a data set, print the figures, and write the report."""
    if request.report is not None:
        check_writable(request.report)
    with build(settings) as olhar, _progress(quiet=as_json) as watch:
        evaluation = _evaluated(olhar, request, watch)
    if as_json:
        typer.echo(json.dumps(as_object(evaluation), ensure_ascii=False))
    else:
        printed(evaluation)
    if request.report is not None:  # after the figures, which took longest
        title = request.dataset.resolve().name
        write_report(evaluation, request.dataset, request.report, title=title, max_pixels=settings.max_pixels)


def as_object(evaluation: Evaluation) -> dict[str, object]:
    """For JSON; what is another on every run stands apart, and says so."""
    stages = {name: asdict(stage) for name, stage in evaluation.latency.items()}
    return asdict(evaluation) | {
        "latency": {"reproducible": False, "note": NOT_REPRODUCIBLE, "stages": stages},
    }


def _evaluated(olhar: Olhar, request: Request, watch: Watch) -> Evaluation:
    options = request.options()
    with _store(olhar, request) as store:
        return _with(olhar, request, options, store, watch)


def _with(olhar: Olhar, request: Request, options: Options, store: Store | None, watch: Watch) -> Evaluation:
    calibration = olhar.row_calibration
    settings = olhar.settings
    reranker = olhar.reranker if request.rerank else None

    def more(ready: Prepared, stopwatch: Stopwatch) -> Iterator[Ranker]:
        if reranker is not None:
            yield Reranked(ready, calibration, reranker, describe, depth=settings.rerank_hits)
        if store is not None:
            retriever = Retriever(
                store, olhar.encoder, olhar.text_encoder, calibration, candidates=settings.candidates
            )
            depth = min(settings.candidates, MAX_HITS)
            yield Stored(ready, calibration, store, retriever, stopwatch, depth=depth)

    return evaluate(
        read_dataset(request.dataset, request.form, split=request.split, language=request.language),
        request.protocol,
        olhar.encoder,
        olhar.text_encoder,
        calibration,
        max_pixels=olhar.settings.max_pixels,
        options=options,
        more=lambda *given: list(more(*given)),
        warnings=(NO_RERANKER,) if request.rerank and reranker is None else (),
        watch=watch,
    )


@contextmanager
def _store(olhar: Olhar, request: Request) -> Iterator[Store | None]:
    """A Milvus Lite file for this evaluation, if one is asked for; gone afterwards."""
    if not request.through_store:
        yield None
        return
    with TemporaryDirectory(prefix="olhar-eval-") as folder:
        image, text = olhar.encoder.fingerprint, olhar.text_encoder.fingerprint
        store = MilvusStore.open(str(Path(folder) / "evaluation.db"), image=image, text=text)
        try:
            yield store
        finally:
            store.close()


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
