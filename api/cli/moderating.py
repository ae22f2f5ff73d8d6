"""``olhar moderate``, ``olhar moderation``: is a picture safe, and what is decided about others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from api.cli import show
from rag.errors import InvalidInput
from rag.settings import load_settings

if TYPE_CHECKING:
    from api.moderation_schemas import ReviewOut

moderation = typer.Typer(help="Pictures that a policy flagged or kept out.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def moderate(
    image: Annotated[
        Path | None, typer.Argument(help="A picture.", metavar="IMAGE", exists=True, dir_okay=False)
    ] = None,
    text: Annotated[str, typer.Option(help="A text instead, as somebody would ask.")] = "",
    policy: Annotated[
        str,
        typer.Option(help="`default`, `default-pt`, or a YAML file.  [default: OLHAR_MODERATION]"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Hold a picture or a text against a moderation policy. Exit code 3 when it is not safe."""
    from api.cli.backend import open_backend

    if (image is None) == (not text):
        raise InvalidInput("give a picture, or --text")
    with open_backend(load_settings()) as backend:
        verdict = backend.moderate(image, text, policy)
    if as_json:
        show.as_json(verdict)
    else:
        word = "[green]safe[/]" if verdict.is_safe else f"[red]{verdict.action}[/]"
        show.console().print(f"{word}, confidence {verdict.confidence:.2f} (policy {escape(verdict.policy)})")
        for name, score in sorted(verdict.scores.items(), key=lambda pair: -pair[1]):
            colour = "red" if name in verdict.flagged_categories else "default"
            show.console().print(f"[{colour}]{score:6.3f}[/]  {escape(name)}")
    if not verdict.is_safe:
        raise typer.Exit(3)


@moderation.command("list")
def list_reviews(
    state: Annotated[
        Literal["pending", "allowed", "rejected", "all"], typer.Option(help="Only those.")
    ] = "pending",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show pictures that were flagged or kept out, newest first."""
    from api.cli.backend import open_backend

    with open_backend(load_settings()) as backend:
        found = backend.reviews(None if state == "all" else state, limit)
    if as_json:
        show.as_json(found)
        return
    for one in found.reviews:
        _line(one)


@moderation.command("decide")
def decide(
    review: Annotated[str, typer.Argument(help="Its id, as `olhar moderation list` shows it.")],
    decision: Annotated[Literal["allow", "reject"], typer.Argument(help="What is to become of it.")],
    note: Annotated[str, typer.Option(help="Why; it is kept.")] = "",
    as_json: AsJson = False,
) -> None:
    """Allow or reject a picture. What is rejected is deleted, and kept out from then on."""
    from api.cli.backend import open_backend

    with open_backend(load_settings()) as backend:
        found = backend.decide(review, decision, note)
    if as_json:
        show.as_json(found)
    else:
        _line(found)
        if decision == "allow" and found.action != "flag":
            typer.echo("it is taken up when it is ingested again, or by `olhar jobs retry JOB --quarantined`")


def _line(one: ReviewOut) -> None:
    when = datetime.fromtimestamp(one.at).astimezone().strftime("%Y-%m-%d %H:%M")
    said = ", ".join(f"{name} {one.scores[name]:.2f}" for name in one.flagged_categories)
    show.console().print(
        f"{one.id}  {when}  {one.state}  {one.action}  {escape(one.collection)}/{escape(one.source)}: "
        f"{escape(said)}"
    )
