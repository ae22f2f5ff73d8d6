"""``olhar fairness``: how groups are served by a collection."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli import show
from rag.errors import InvalidInput
from rag.settings import load_settings

if TYPE_CHECKING:
    from rag.vision.fairness.history import Run
    from rag.vision.fairness.types import Fairness, Figure, Options

SOME_FAILED = 3
Report = Annotated[Path | None, typer.Option(help="Also write a page (HTML, one file).", dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def fairness(
    collection: Annotated[str | None, typer.Argument(help="[default: OLHAR_COLLECTION]")] = None,
    by: Annotated[str, typer.Option(help="Field of the metadata that names the group.")] = "",
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV or JSON lines: id or source of a picture, and a column named as --by."),
    ] = None,
    words: Annotated[
        str,
        typer.Option(help="What to search for, with commas, or a file with one a line.  [default: 20 roles]"),
    ] = "",
    labels: Annotated[
        str, typer.Option(help="Labels to tell apart, likewise.  [default: the tags that there are]")
    ] = "",
    attribute: Annotated[
        list[str] | None, typer.Option(help="Two of these: NAME=word,word,tag:TAG.", metavar="NAME=WORDS")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Share that a group should have.", metavar="GROUP=SHARE")
    ] = None,
    k: Annotated[int, typer.Option(min=1, max=100, help="Look at the first so many hits.")] = 10,
    sample: Annotated[int, typer.Option(min=10, max=5000, help="Look at so many pictures.")] = 2000,
    mitigate: Annotated[
        bool, typer.Option("--mitigate", help="Also measure what re-ranking and projection bring.")
    ] = False,
    max_gap: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit code 3 when groups' recall or error differ by more."),
    ] = None,
    max_skew: Annotated[
        float | None, typer.Option(min=0, help="Exit code 3 when the mean MaxSkew is larger.")
    ] = None,
    report: Report = None,
    card: Annotated[
        Path | None, typer.Option(help="Put a section on fairness into this model card.", dir_okay=False)
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show what scheduled audits found, and measure nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Audit how groups are found and served. Groups are those that you name; none are inferred."""
    from api.cli.backend import open_backend
    from rag.pages import check_writable, write_page
    from rag.vision.fairness.card import put, section
    from rag.vision.fairness.groups import read_groups
    from rag.vision.fairness.history import over
    from rag.vision.fairness.types import ATTRIBUTES, WORDS, Options
    from rag.vision.report import fairness_page

    settings = load_settings(**({} if collection is None else {"collection": collection}))
    if history:
        with open_backend(settings) as backend:
            _print_runs(backend.audits(collection=settings.collection), as_json=as_json)
        return
    for path in (report, card):
        if path is not None:
            check_writable(path)
    options = Options(
        by=by,
        groups={} if groups is None else read_groups(groups, by),
        words=show.listed(words) or list(WORDS),
        labels=show.listed(labels),
        attributes=dict(map(_named, attribute)) if attribute else dict(ATTRIBUTES),
        targets={name: _share(value) for name, value in map(_split, target or [])},
        k=k,
        sample=sample,
        mitigated=mitigate,
        seed=seed,
    )
    with open_backend(settings) as backend:
        found = backend.fairness(options, collection=settings.collection)
    if report is not None:
        write_page(report, fairness_page(found))
    if card is not None:
        write_page(card, put(card.read_text("utf-8") if card.exists() else "", section(found)))
    if as_json:
        show.record_as_json(found)
    else:
        _print(found, options)
    if beyond := over(found, max_gap, max_skew):
        typer.echo("\n".join(beyond), err=True)
        raise typer.Exit(SOME_FAILED)


def _split(given: str) -> tuple[str, str]:
    name, equals, value = given.rpartition("=")
    if not equals or not name:
        raise InvalidInput(f"{given!r} has no NAME=… before it")
    return name, value


def _named(given: str) -> tuple[str, list[str]]:
    name, value = _split(given)
    return name, show.listed(value)


def _share(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidInput(f"{value!r} is no share; write a number such as .5") from None


def _print(found: Fairness, options: Options) -> None:
    out = show.console()
    for note in found.notes:
        out.print(f"[dim]{escape(note)}[/]")
    out.print(escape(", ".join(f"{name} {count:,}" for name, count in found.groups.items())))
    table = Table("", "value", "95 % interval", "by chance", "p", box=None, pad_edge=False)
    measures = found.measures
    _row(table, f"MaxSkew@{options.k}", measures.retrieval.max_skew)
    _row(table, "NDKL", measures.retrieval.ndkl)
    if found.reranked:
        _row(table, "  re-ranked: MaxSkew", found.reranked.max_skew)
    if found.projected:
        _row(table, "  projected: MaxSkew", found.projected.retrieval.max_skew)
    if measures.recall:
        _row(table, "gap in recall", measures.recall.gap)
    if measures.error:
        _row(table, "gap in zero-shot error", measures.error.gap)
    out.print(table)
    for one in measures.associations:
        told = f"{one.group}: {'/'.join(found.attributes)} d {one.effect:+.2f}, p {one.p_holm:.3f}"
        out.print(told, markup=False)


def _row(table: Table, name: str, one: Figure) -> None:
    interval = f"{one.low:.3f} – {one.high:.3f}"
    table.add_row(name, f"{one.value:.3f}", interval, f"{one.by_chance:.3f}", f"{one.p:.3f}")


def _print_runs(runs: list[Run], *, as_json: bool) -> None:
    if as_json:
        show.records_as_json(runs)
        return
    for run in runs:
        when = datetime.fromtimestamp(run.at, UTC).isoformat(timespec="seconds")
        gaps = (("recall gap", run.recall_gap), ("error gap", run.error_gap))
        told = "".join(f", {name} {value:.3f}" for name, value in gaps if value is not None)
        typer.echo(f"{when} by {run.by}: MaxSkew {run.max_skew:.3f}, NDKL {run.ndkl:.3f}{told}")
    if not runs:
        typer.echo("no scheduled audit yet: set OLHAR_FAIRNESS_HOURS and OLHAR_FAIRNESS_BY for a worker")
