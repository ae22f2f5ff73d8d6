"""``olhar moderate``, ``olhar moderation``: is a picture safe, and what is decided about others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from api.cli import show
from api.cli.classifying import NAME
from rag.errors import InvalidInput, NotFound
from rag.settings import load_settings

if TYPE_CHECKING:
    from api.moderation_schemas import ModeratedOut, ReviewOut, VerdictOut

moderation = typer.Typer(help="Pictures that a policy flagged or kept out.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def moderate(
    target: Annotated[
        str | None,
        typer.Argument(help="A picture, or the name of a collection.", metavar="IMAGE|COLLECTION"),
    ] = None,
    text: Annotated[str, typer.Option(help="A text instead, as somebody would ask.")] = "",
    policy: Annotated[
        str,
        typer.Option(help="`default`, `default-pt`, or a YAML file.  [default: OLHAR_MODERATION]"),
    ] = "",
    apply: Annotated[
        bool,
        typer.Option(
            "--apply", help="Of a collection: keep reviews, and take out of search what is not to be there."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold a picture, a text or a stored collection against a moderation policy.

    Exit code 3 when it is not safe; of a collection, when something was found and nothing done (no --apply).
    """
    if (target is None) == (not text):
        raise InvalidInput("give a picture, a collection, or --text")
    image = Path(target) if target is not None and Path(target).is_file() else None
    if target is not None and image is None:
        _collection(target, policy, apply=apply, as_json=as_json)
    elif apply:
        raise InvalidInput("--apply is for collections: there is nothing to be changed here")
    else:
        _one(image, text, policy, as_json=as_json)


def _collection(name: str, policy: str, *, apply: bool, as_json: bool) -> None:
    from api.cli.backend import open_backend

    if not NAME.fullmatch(name):
        raise InvalidInput(f"{name} is no file, and no name of a collection")
    nothing = f"{name} is no file, and no collection with pictures"
    with open_backend(load_settings()) as backend:
        try:
            found = backend.moderate_collection(name, policy, apply=apply)
        except NotFound:
            raise InvalidInput(nothing) from None
    if not found.files + found.decided + found.unseen + found.rejected:
        raise InvalidInput(nothing)
    if as_json:
        show.as_json(found)
    else:
        _show(found)
    if (found.findings or found.rejected) and not apply:
        raise typer.Exit(3)


def _show(found: ModeratedOut) -> None:
    for one in found.findings:
        said = ", ".join(f"{name} {one.scores[name]:.2f}" for name in one.flagged_categories)
        review = f", review {one.review}" if one.review else ""
        where = f", {one.place}" if one.place else ""
        show.console().print(f"[red]{one.action}[/]  {escape(one.source)}: {escape(said + where)}{review}")
    kept = sum(found.actions.get(action, 0) for action in ("quarantine", "reject"))
    more = "" if found.applied or not found.findings else "; --apply does what the policy says"
    show.console().print(show.moderated(found.files, found.actions.get("flag", 0), found.held, kept) + more)
    if found.decided:
        show.console().print(f"{found.decided} were not judged: a person allowed them")
    if found.rejected:
        done = "deleted" if found.applied else "--apply deletes them"
        show.console().print(f"{found.rejected} are stored though a person rejected them: {done}")
    if found.unseen:
        show.console().print(f"{found.unseen} have no vector of their picture, and were not judged")


def _one(image: Path | None, text: str, policy: str, *, as_json: bool) -> None:
    from api.cli.backend import open_backend

    with open_backend(load_settings()) as backend:
        verdict = backend.moderate(image, text, policy)
    _show_verdict(verdict, as_json=as_json)
    if not verdict.is_safe:
        raise typer.Exit(3)


def _show_verdict(verdict: VerdictOut, *, as_json: bool) -> None:
    if as_json:
        show.as_json(verdict)
    else:
        word = "[green]safe[/]" if verdict.is_safe else f"[red]{verdict.action}[/]"
        show.console().print(f"{word}, confidence {verdict.confidence:.2f} (policy {escape(verdict.policy)})")
        for name, score in sorted(verdict.scores.items(), key=lambda pair: -pair[1]):
            colour = "red" if name in verdict.flagged_categories else "default"
            show.console().print(f"[{colour}]{score:6.3f}[/]  {escape(name)}")


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
        if found.job_ids:
            typer.echo(f"it comes back by the job {', '.join(found.job_ids)} (`olhar jobs show ID`)")
        elif decision == "allow" and found.action != "flag":
            typer.echo("it is taken up when it is ingested again, or by `olhar jobs retry JOB --quarantined`")


def _line(one: ReviewOut) -> None:
    when = datetime.fromtimestamp(one.at).astimezone().strftime("%Y-%m-%d %H:%M")
    said = ", ".join(f"{name} {one.scores[name]:.2f}" for name in one.flagged_categories)
    held = ", held" if one.held else ""
    said += f", {one.place}" if one.place else ""
    show.console().print(
        f"{one.id}  {when}  {one.state}  {one.action}{held}  {escape(one.collection)}/{escape(one.source)}: "
        f"{escape(said)}"
    )
