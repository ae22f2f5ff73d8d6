"""``olhar reindex``: rebuild all collections for the encoder that is set."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli import show
from api.cli.former import FormerEncoders
from api.owner import acquire, server_of
from ingest.moderating_stored import Moderated, moderate_all
from ingest.reindex import KINDS, ReindexReport, reindex
from rag.build import build
from rag.errors import DataFolderBusy
from rag.settings import Settings
from rag.store import Rebuild
from rag.types import Leg

LEGS: tuple[Leg, ...] = ("image", "caption")


@dataclass(frozen=True, slots=True)
class Options:
    """As the options of the command."""

    force: bool
    budget: float
    old_encoder: str
    old_text_encoder: str


def run(settings: Settings, options: Options, *, as_json: bool) -> bool:
    """Rebuild, and print what became of it; whether the collections fit the encoder now.

    Raises DataFolderBusy when a server, or another command, owns the data folder, and Conflict when recall
    is to be compared with an old encoder that cannot be had.
    """
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
                    olhar,
                    rebuild,
                    _former(settings, rebuild, options),
                    budget=options.budget,
                    force=options.force,
                    on_items=lambda count: bar.update(task, advance=count),
                )
        finally:
            rebuild.close()
        # Another encoder sees other things; what was stored before a policy was set was never judged.
        moderated = [] if report.state == "refused" else [found for _, found in moderate_all(olhar)]
    if as_json:
        told = {"moderated": _counted(moderated)} if moderated else {}
        typer.echo(json.dumps(asdict(report) | told, ensure_ascii=False))
    else:
        _print(report, settings.encoder, options.budget)
        if moderated:
            show.console().print(show.moderated(**_counted(moderated)))
    return report.state != "refused"


def _former(settings: Settings, rebuild: Rebuild, options: Options) -> FormerEncoders:
    return FormerEncoders(
        settings,
        {leg: rebuild.made_by(leg) for leg in LEGS} if rebuild.needed else {},
        [leg for leg in LEGS if rebuild.keeps(leg)],
        encoder=options.old_encoder,
        text_encoder=options.old_text_encoder,
    )


def _counted(found: list[Moderated]) -> dict[str, int]:
    return {
        "files": sum(one.files for one in found),
        "flagged": sum(one.actions["flag"] for one in found),
        "held": sum(one.held for one in found),
    }


def _print(report: ReindexReport, encoder: str, budget: float) -> None:
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
    for change in report.recall:
        colour = "default" if change.within(budget) else "red"
        out.print(
            f"[{colour}]recall@10 by the {change.leg} vectors {change.before:.3f} → {change.after:.3f}[/] "
            f"({change.items} items, each asked for by a caption)"
        )
    if report.not_compared:
        out.print(f"recall was not compared: {escape(report.not_compared)}")
    counts = f"{report.images} images and {report.passages} passages"
    if report.state == "moved":
        out.print(f"{counts} now have the vectors of [bold]{escape(encoder)}[/]")
    elif not report.problems:
        out.print(
            f"Recall fell by more than {budget:g}, so the old collections stay in use. Choose another "
            "encoder, or repeat with a larger --budget, or with --force: what was rebuilt is kept, and is "
            "only moved then."
        )
    else:
        out.print(
            f"{len(report.problems)} of {counts} could not be rebuilt, so the old collections stay in use. "
            "Repair the originals and run this again: it goes on from here. With --force these items keep "
            "their texts and lose the vectors that could not be made."
        )
