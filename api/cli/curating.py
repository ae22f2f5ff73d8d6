"""``olhar curate``: pictures that stand for the others, what there is none of, and selections as folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from api.cli import show
from rag.errors import InvalidInput
from rag.settings import Settings, load_settings
from rag.vision.curation.types import MOST_PICKED, MOST_SAMPLED, SAMPLE

if TYPE_CHECKING:
    from api.cli.backend import Backend

SOME_FAILED = 3
curate = typer.Typer(help="Choose pictures, and see what is missing.", no_args_is_help=True)
Collection = Annotated[str | None, typer.Argument(help="[default: OLHAR_COLLECTION]")]
Sampled = Annotated[int, typer.Option(min=1, max=MOST_SAMPLED, help="Look at so many pictures.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same choice.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Count = Annotated[int, typer.Option(min=1, max=MOST_PICKED, help="So many pictures.")]


@curate.command()
def representatives(
    collection: Collection = None,
    count: Count = 20,
    sample: Sampled = SAMPLE,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Show the pictures that stand best for the others."""
    from api.cli.backend import open_backend

    settings = _settings(collection)
    with open_backend(settings) as backend:
        found = backend.representatives(count, sample, seed, collection=settings.collection)
    if as_json:
        show.record_as_json(found)
        return
    for pick in found.picks:
        told = f"stands for {pick.stands_for:,}, covered {pick.covered:.3f}"
        typer.echo(f"{pick.item_id}  {told}  {pick.source}")
    typer.echo(f"{found.sampled:,} of {found.pictures:,} pictures looked at")


@curate.command()
def coverage(
    labels: Annotated[str, typer.Argument(help="Labels with commas between, or a file with one a line.")],
    collection: Collection = None,
    least: Annotated[int, typer.Option(min=1, help="Pictures that a label should have.")] = 1,
    sample: Sampled = SAMPLE,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """See which labels a collection has no pictures of. Exit code 3 when some are missing."""
    from api.cli.backend import open_backend

    settings = _settings(collection)
    with open_backend(settings) as backend:
        found = backend.coverage(show.listed(labels), least, sample, seed, collection=settings.collection)
    if as_json:
        show.record_as_json(found)
    else:
        table = Table("label", "said", "looks like it", "either", box=None, pad_edge=False)
        for one in found.labels:
            table.add_row(escape(one.label), str(one.said), str(one.looks), str(one.either))
        show.console().print(table)
        if not found.calibrated:
            show.console().print("[dim]nobody has fitted what pictures look like to this encoder: a guess[/]")
        show.console().print(f"missing: {escape(', '.join(found.missing)) or 'none'}")
    if found.missing:
        raise typer.Exit(SOME_FAILED)


@curate.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder to write; new or empty.", file_okay=False)],
    collection: Collection = None,
    ids: Annotated[
        Path | None, typer.Option(help="File with the id of an item on each line.", dir_okay=False)
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=MOST_PICKED, help="So many representatives instead.")
    ] = None,
    sample: Sampled = SAMPLE,
    seed: Seed = 0,
) -> None:
    """Write a selection as a folder with a manifest, which `olhar ingest` reads."""
    from api.cli.backend import open_backend
    from ingest.selection import MANIFEST, write_selection

    if (ids is None) == (count is None):
        raise InvalidInput("say what to write: --ids FILE, or --count of representatives")
    settings = _settings(collection)
    name = settings.collection
    with open_backend(settings) as backend:
        if ids is not None:
            chosen = _lines(ids)
        else:
            picks = backend.representatives(count or 1, sample, seed, collection=name).picks
            chosen = [pick.item_id for pick in picks]
        written, left_out = write_selection(
            _items(backend, name, chosen), lambda one: backend.picture(one, collection=name), out
        )
    rest = f"; {left_out:,} parts of documents were left out" if left_out else ""
    typer.echo(f"{written:,} pictures written; read them by `olhar ingest {out / MANIFEST}`{rest}")


def _settings(collection: str | None) -> Settings:
    return load_settings(**({} if collection is None else {"collection": collection}))


def _items(backend: Backend, collection: str, ids: list[str]) -> Iterator[dict[str, Any]]:
    for item_id in dict.fromkeys(ids):
        yield backend.administration.item(collection, item_id).model_dump()


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--ids {path} cannot be read: {error}") from None
