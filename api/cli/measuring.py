"""``olhar quality``: what the vectors of a collection are like."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from api.cli import show
from rag.settings import load_settings
from rag.vision.quality.types import LEAST, MOST_MAPPED, MOST_SAMPLED, SAMPLE, Options

if TYPE_CHECKING:
    from rag.vision.quality.types import Quality

Report = Annotated[
    Path | None, typer.Option(help="Also write a page (HTML, one file) with pictures.", dir_okay=False)
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")]
Sampled = Annotated[int, typer.Option(min=LEAST, max=MOST_SAMPLED, help="Look at so many pictures.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def quality(
    collection: Annotated[str | None, typer.Argument(help="[default: OLHAR_COLLECTION]")] = None,
    sample: Sampled = SAMPLE,
    mapped: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_MAPPED, help="Pictures on the map.  [default: 400 of a page]"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="Compare what was added after it with the rest.  [default: the newest fifth]"),
    ] = None,
    report: Report = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Measure the vectors of a collection: spread, hubs, clusters, outliers, drift."""
    from api.cli.backend import open_backend
    from rag.pages import check_writable, write_page

    settings = load_settings(**({} if collection is None else {"collection": collection}))
    if report is not None:
        check_writable(report)
    wanted = (MOST_MAPPED if report else 0) if mapped is None else mapped
    options = Options(sample, wanted, _seconds(since), seed)
    with open_backend(settings) as backend:
        found = backend.quality(options, collection=settings.collection)
        if report is not None:
            from rag.vision.report import quality_page

            page = quality_page(found, lambda one: backend.thumbnail(one, collection=settings.collection))
            write_page(report, page)
    if as_json:
        show.record_as_json(found)
    else:
        _print(found)


def _seconds(since: datetime | None) -> int:
    return 0 if since is None else int(since.replace(tzinfo=UTC).timestamp())


def _print(found: Quality) -> None:
    out = show.console()
    for note in found.notes:
        out.print(f"[dim]{note}[/]")
    rows = [
        ("pictures", f"{found.pictures:,}"),
        ("mean distance of a pair", f"{found.distance:.3f}"),
        ("uniformity", f"{found.uniformity:.3f}"),
        ("intrinsic dimension", "–" if found.dimension is None else f"{found.dimension:.1f}"),
        ("hubness of pictures", f"{found.hubness.skewness:.2f}, {found.hubness.never:.0%} never found"),
    ]
    if found.captions:
        rows += [
            ("alignment with captions", f"{found.captions.alignment:.3f}"),
            ("modality gap", f"{found.captions.gap:.3f}"),
            ("hubness for captions", f"{found.captions.hubness.skewness:.2f}"),
        ]
    rows += [
        ("look alike", f"{found.alike.pictures} in {found.alike.groups} groups"),
        ("outliers", ", ".join(one.source for one in found.outliers[:5]) or "none"),
        ("drift", "–" if found.drift is None else f"MMD² {found.drift.mmd:.5f}, p {found.drift.p:.3f}"),
    ]
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in rows:
        table.add_row(name, value)
    out.print(table)
    for one in found.clusters.clusters:
        out.print(f"{one.size:5} {', '.join(one.words)}", markup=False)
