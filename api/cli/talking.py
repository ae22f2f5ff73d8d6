"""The commands for threads and feedback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from api.cli import show
from rag.errors import InvalidInput
from rag.settings import load_settings

if TYPE_CHECKING:
    from api.cli.remote_conversations import RemoteConversations
    from api.conversations import Conversations
    from api.thread_schemas import FeedbackOut

threads = typer.Typer(help="See kept conversations; rename, export, delete them.", no_args_is_help=True)
feedback = typer.Typer(help="See and export what people think of answers; rate one.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
ThreadId = Annotated[str, typer.Argument(help="The thread's id, as `olhar threads list` shows it.")]
PAGE = 1000


@contextmanager
def _open() -> Iterator[Conversations | RemoteConversations]:
    from api.cli.backend import open_backend

    with open_backend(load_settings()) as backend:
        yield backend.conversations


@threads.command("new")
def new_thread(
    title: Annotated[str, typer.Argument(help="What to call it; else its first question.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin a thread; `olhar ask --thread ID` keeps questions and answers in it."""
    with _open() as talks:
        made = talks.create(title, "")
    if as_json:
        show.as_json(made)
    else:
        typer.echo(made.id)


@threads.command("list")
def list_threads(
    limit: Limit = 50,
    before: Annotated[str, typer.Option(help="Those after the thread with this id.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show threads, those used last first."""
    with _open() as talks:
        found = talks.threads(limit=limit, before=before)
    if as_json:
        show.as_json(found)
        return
    for thread in found.threads:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(thread.touched_at))
        show.console().print(f"{thread.id}  {when}  {thread.turns:>4}  {escape(thread.title)}")


@threads.command("show")
def show_thread(thread_id: ThreadId, as_json: AsJson = False) -> None:
    """Show all that was said in a thread."""
    with _open() as talks:
        found = talks.thread(thread_id)
    if as_json:
        show.as_json(found)
        return
    for turn in found.said:
        show.console().print(f"[bold]{turn.role}[/]  {escape(turn.text)}")


@threads.command("export")
def export_thread(thread_id: ThreadId, file: Annotated[Path, typer.Argument(help="A JSON file.")]) -> None:
    """Write a thread to a JSON file."""
    with _open() as talks:
        found = talks.thread(thread_id)
    _write(file, found.model_dump_json(indent=2) + "\n")


@threads.command("rename")
def rename_thread(thread_id: ThreadId, title: Annotated[str, typer.Argument(help="Its new title.")]) -> None:
    """Give a thread another title."""
    with _open() as talks:
        talks.rename(thread_id, title)


@threads.command("delete")
def delete_thread(
    thread_id: ThreadId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Delete a thread and all that was said in it."""
    if not yes:
        typer.confirm(f"Delete the thread {thread_id}?", abort=True)
    with _open() as talks:
        talks.delete(thread_id)


@feedback.command("give")
def give_feedback(
    answer: Annotated[str, typer.Argument(help="The answer's id.")],
    rating: Annotated[Literal["up", "down"], typer.Argument(help="What you think of it.")],
    comment: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Rate an answer that is in a thread, or that the running server remembers."""
    with _open() as talks:
        talks.rate(answer, rating, comment)


@feedback.command("list")
def list_feedback(
    limit: Limit = 50,
    rating: Annotated[Literal["up", "down"] | None, typer.Option(help="These alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show ratings, newest first."""
    with _open() as talks:
        found = talks.feedback(limit=limit, rating=rating)
    if as_json:
        show.as_json(found)
        return
    for one in found.feedback:
        show.console().print(f"{one.rating:<4}  {escape(one.question)}  [dim]{escape(one.text)}[/]")
        if one.comment:
            show.console().print(f"      {escape(one.comment)}")


@feedback.command("export")
def export_feedback(file: Annotated[Path, typer.Argument(help="A JSON lines file.")]) -> None:
    """Write all ratings to a file, a JSON object a line, newest first."""
    with _open() as talks:
        rows = list(_all(talks))
    _write(file, "".join(row.model_dump_json() + "\n" for row in rows))
    typer.echo(f"{len(rows)} ratings written to {file}")


def _all(talks: Conversations | RemoteConversations) -> Iterator[FeedbackOut]:
    before = ""
    while True:
        page = talks.feedback(limit=PAGE, before=before)
        yield from page.feedback
        if page.next is None:
            return
        before = page.next


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror or error}") from None
