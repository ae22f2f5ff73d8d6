"""``olhar reindex``: rebuild all collections for the encoder that is set."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli import show
from api.owner import acquire, server_of
from ingest.reindex import KINDS, ReindexReport, reindex
from rag.build import build
from rag.errors import DataFolderBusy
from rag.settings import Settings


def run(settings: Settings, *, force: bool, as_json: bool) -> bool:
    """Rebuild, and print what became of it; whether the collections fit the encoder now.

    Raises DataFolderBusy when a server, or another command, owns the data folder.
    """
    from rag.store import Rebuild

    url = server_of(settings.data)
    if url is not None:
        raise DataFolderBusy(
            f"the data folder {settings.data} is served at {url}, and its collections cannot be replaced "
            "under a running server; stop that server, then run `olhar reindex` again"
        )
    with acquire(settings.data), build(settings) as olhar:
        rebuild = Rebuild.open(
            settings.store_uri,
            token=settings.milvus_token.get_secret_value(),
            image=olhar.encoder.fingerprint,
            text=olhar.text_encoder.fingerprint,
        )
        try:
            columns = (TextColumn("reindexing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            quiet = as_json or not rebuild.needed
            with Progress(*columns, console=show.console(stderr=True), disable=quiet, transient=True) as bar:
                total = sum(rebuild.count(kind) for kind in KINDS) if rebuild.needed else 0
                task = bar.add_task("", total=total)
                report = reindex(
                    olhar, rebuild, force=force, on_items=lambda count: bar.update(task, advance=count)
                )
        finally:
            rebuild.close()
    if as_json:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _print(report, settings.encoder)
    return report.state != "refused"


def _print(report: ReindexReport, encoder: str) -> None:
    out = show.console()
    for problem in report.problems[: show.SHOWN_PROBLEMS]:
        out.print(
            f"[red]not rebuilt[/] {escape(problem.source)} ({problem.item_id}): {escape(problem.reason)}"
        )
    if len(report.problems) > show.SHOWN_PROBLEMS:
        out.print(f"… and {len(report.problems) - show.SHOWN_PROBLEMS} more; --json lists all")
    if report.state == "current":
        out.print(f"nothing to do: the collections fit the encoder [bold]{escape(encoder)}[/]")
        return
    counts = f"{report.images} images and {report.passages} passages"
    if report.state == "moved":
        out.print(f"{counts} now have the vectors of [bold]{escape(encoder)}[/]")
    else:
        out.print(
            f"{len(report.problems)} of {counts} could not be rebuilt, so the old collections stay in use. "
            "Repair the originals and run this again: it goes on from here. With --force these items keep "
            "their texts and lose the vectors that could not be made."
        )
