"""``olhar jobs``, ``olhar items``, ``olhar collections``: looking at them, and ending or deleting them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import editing, show
from api.cli.editing import Part
from rag.settings import load_settings

if TYPE_CHECKING:
    from api.administration import Administration
    from api.cli.remote_administration import RemoteAdministration
    from api.record_schemas import ItemOut, JobFileOut, JobOut

jobs = typer.Typer(help="See how jobs are doing; cancel or repeat them.", no_args_is_help=True)
items = typer.Typer(help="See what is stored; delete it.", no_args_is_help=True)
collections = typer.Typer(help="See the collections; delete one.", no_args_is_help=True)

Collection = Annotated[str | None, typer.Option(help="Collection to work on.  [default: OLHAR_COLLECTION]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
JobId = Annotated[str, typer.Argument(help="The job's id, as `olhar jobs list` shows it.")]
ItemId = Annotated[str, typer.Argument(help="The item's id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]


@contextmanager
def _open(collection: str | None = None) -> Iterator[tuple[Administration | RemoteAdministration, str]]:
    """What looks after things, and the collection that is meant."""
    from api.cli.backend import open_backend

    settings = load_settings(**({} if collection is None else {"collection": collection}))
    with open_backend(settings) as backend:
        yield backend.administration, settings.collection


@jobs.command("list")
def list_jobs(limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show jobs, newest first."""
    with _open() as (admin, _):
        found = admin.jobs(limit=limit)
    print_table(found, [_job_row(job) for job in found.jobs], JOB_COLUMNS, as_json=as_json)


@jobs.command("show")
def show_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job, and the files of it that failed or were quarantined."""
    with _open() as (admin, _):
        job = admin.job(job_id)
        failed = admin.files(job_id, status="failed", limit=show.SHOWN_PROBLEMS)
        quarantined = admin.files(job_id, status="quarantined", limit=show.SHOWN_PROBLEMS)
    print_table(job, [_job_row(job)], JOB_COLUMNS, as_json=as_json)
    if not as_json:
        _print_files([*failed.files, *quarantined.files])


@jobs.command("failed")
def failed(limit: Limit = 100, as_json: AsJson = False) -> None:
    """Show the files of all jobs that failed or were quarantined, with the reason."""
    with _open() as (admin, _):
        found = admin.parked(limit=limit)
    if as_json:
        show.as_json(found)
    else:
        _print_files(found.files)


@jobs.command("cancel")
def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """End a job: what waits has failed, what is in flight comes to its end."""
    with _open() as (admin, _):
        job = admin.cancel(job_id)
    print_table(job, [_job_row(job)], JOB_COLUMNS, as_json=as_json)


@jobs.command("retry")
def retry(
    job_id: JobId,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="Also the files that were quarantined.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take up again the files of a job that failed."""
    with _open() as (admin, _):
        admin.retry(job_id, quarantined=quarantined)
        job = admin.job(job_id)
    print_table(job, [_job_row(job)], JOB_COLUMNS, as_json=as_json)


@items.command("list")
def list_items(
    collection: Collection = None,
    limit: Limit = 100,
    after: Annotated[str, typer.Option(help="Those after the item with this id.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the items of a collection."""
    with _open(collection) as (admin, name):
        found = admin.items(name, after=after, limit=limit)
    print_table(found, [_item_row(item) for item in found.items], ITEM_COLUMNS, as_json=as_json)
    if found.next and not as_json:
        typer.echo(f"more: --after {found.next}")


@items.command("show")
def show_item(item_id: ItemId, collection: Collection = None, as_json: AsJson = False) -> None:
    """Show all that is known of an item."""
    with _open(collection) as (admin, name):
        item = admin.item(name, item_id)
    _print_item(item, as_json=as_json)


@items.command("edit")
def edit_item(
    item_id: ItemId,
    caption: Annotated[str | None, typer.Option(help="The caption; '' for none.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; all its tags have to be given.")] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="It is to have no tags.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Metadata: the value is JSON, or else text.", metavar="KEY=VALUE"),
    ] = None,
    unset: Annotated[list[str] | None, typer.Option(help="Take this key of the metadata away.")] = None,
    revert: Annotated[
        list[Part] | None, typer.Option(help="Take back what was said here: the sources' word counts again.")
    ] = None,
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Change what is said of an item. It counts before all sources, also when they are ingested again."""
    changes = editing.changes(caption, tag, no_tags=no_tags, set_=set_, unset=unset, revert=revert)
    with _open(collection) as (admin, name):
        item = admin.edit(name, item_id, changes)
    _print_item(item, as_json=as_json)


@items.command("delete")
def delete_item(item_id: ItemId, collection: Collection = None, as_json: AsJson = False) -> None:
    """Delete an item with all its sources, and its original unless another item is made of it."""
    with _open(collection) as (admin, name):
        gone = admin.delete(name, "item", item_id)
    print_table(gone, [(f"{gone.items} deleted",)], ("",), as_json=as_json)


@items.command("forget")
def forget_source(
    source: Annotated[str, typer.Argument(help="A file's path or name, as it was ingested.")],
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Forget a source; items that have no other go with it."""
    with _open(collection) as (admin, name):
        gone = admin.delete(name, "source", source)
    print_table(gone, [(f"{gone.items} deleted",)], ("",), as_json=as_json)


@collections.command("list")
def list_collections(as_json: AsJson = False) -> None:
    """Show the collections, with the number of items in each."""
    with _open() as (admin, _):
        found = admin.collections()
    rows = [
        (escape(c.name), str(c.images), str(c.passages), _counted(c.ocr), _counted(c.captions))
        for c in found.collections
    ]
    columns = ("collection", "images", "passages", "text in pictures", "captions by a model")
    print_table(found, rows, columns, as_json=as_json)


def ocr(collection: Collection = None, as_json: AsJson = False) -> None:
    """Read the text in pictures that were not read yet, or were skipped (OLHAR_OCR says which pictures)."""
    with _open(collection) as (admin, name):
        found = admin.read_pictures(name)
    rows = [tuple(str(count) for count in found.model_dump().values())]
    print_table(found, rows, tuple(found.model_dump()), as_json=as_json)


def caption(
    collection: Collection = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that a model described before, another one perhaps.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have pictures described that nobody described (OLHAR_CAPTIONER says by whom)."""
    with _open(collection) as (admin, name):
        found = admin.describe(name, again=again)
    rows = [tuple(str(count) for count in found.model_dump().values())]
    print_table(found, rows, tuple(found.model_dump()), as_json=as_json)


@collections.command("delete")
def delete_collection(
    name: Annotated[str, typer.Argument(help="The collection.")], yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete a collection: its items, and the originals that nothing else is made of."""
    if not yes:
        typer.confirm(f"Delete the collection {name} with all its items?", abort=True, err=True)
    with _open(name) as (admin, _):
        gone = admin.delete(name, "collection")
    print_table(gone, [(f"{gone.items} deleted",)], ("",), as_json=as_json)


WIDE = 160
"""Columns of text; a narrower terminal breaks the lines, which loses nothing."""
JOB_COLUMNS = ("job", "collection", "state", "done", "of", "files/s", "receipts", "put down")
ITEM_COLUMNS = ("item", "source", "caption", "by", "tags")


def _job_row(job: JobOut) -> tuple[str, ...]:
    counts = _counted(job.counts)
    when = datetime.fromtimestamp(job.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    done, total = str(job.done), str(job.total)
    return (job.id, escape(job.collection), job.state, done, total, f"{job.rate:.1f}", counts, when)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))


def _item_row(item: ItemOut) -> tuple[str, ...]:
    source = item.sources[0] if item.sources else ""
    tags = escape(", ".join(item.tags[:5]))
    return (item.item_id, escape(source), escape(item.caption[:60]), item.caption_origin, tags)


def _print_item(item: ItemOut, *, as_json: bool) -> None:
    fields = item.model_dump().items()
    rows = [(key, escape(str(value))) for key, value in fields if value not in ("", 0, [], {})]
    print_table(item, rows, ("field", "value"), as_json=as_json)


def _print_files(files: Sequence[JobFileOut]) -> None:
    for file in files:
        show.console().print(
            f"[red]{file.status}[/] {escape(file.source)}: {escape(file.reason)} [dim]({file.job_id})[/]"
        )


def print_table(
    out: BaseModel, rows: Sequence[tuple[str, ...]], columns: tuple[str, ...], *, as_json: bool
) -> None:
    """The result as JSON, or its rows as a table."""
    if as_json:
        show.as_json(out)
        return
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for place, name in enumerate(columns):
        # What is to be copied from here has to stand here whole.
        whole = max((len(row[0]) for row in rows), default=0) if place == 0 else None
        table.add_column(name, no_wrap=place == 0, min_width=whole)
    for row in rows:
        table.add_row(*row)
    Console(width=max(show.console().width, WIDE), highlight=False).print(table)
