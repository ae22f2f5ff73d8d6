"""``olhar``: the commands. Each reads its arguments, calls one function and shows what came back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli import show
from rag.errors import OlharError
from rag.settings import Settings, load_settings, origins

REFUSED = 2
SOME_FAILED = 3

app = typer.Typer(
    help="Ask questions of image collections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Collection = Annotated[str | None, typer.Option(help="Collection to work on.  [default: OLHAR_COLLECTION]")]
Limit = Annotated[int | None, typer.Option(min=1, max=1000, help="At most so many.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Picture = Annotated[Path | None, typer.Option(help="A picture to search or ask with.", dir_okay=False)]


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, and folders of pictures.", metavar="PATH…")],
    collection: Collection = None,
    all_captions: Annotated[
        bool, typer.Option("--all-captions", help="Index every caption of a photo, not the first only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put pictures into a collection. Says of each file what became of it.

    Exit code 3 when a file failed, or when not one of them could be used.
    """
    from api.cli.backend import open_backend
    from ingest.sources import walk

    settings = _settings(collection=collection)
    files = list(walk(paths, skip=settings.data))
    with open_backend(settings) as backend, show.progress(len(files), quiet=as_json) as on_file:
        report = backend.ingest(
            files, collection=settings.collection, all_captions=all_captions, on_file=on_file
        )
    show.ingested(report, as_json=as_json)
    counts = report.counts
    useless = counts["quarantined"] and not (counts["indexed"] + counts["duplicate"] + counts["unchanged"])
    if counts["failed"] or useless:
        raise typer.Exit(SOME_FAILED)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What to look for.")] = "",
    image: Picture = None,
    collection: Collection = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Find pictures by a text, by a picture, or by both."""
    from api.cli.backend import open_backend

    settings = _settings(collection=collection)
    with open_backend(settings) as backend:
        found = backend.search(text, image, collection=settings.collection, limit=limit)
    show.found(found, as_json=as_json)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")] = "",
    image: Picture = None,
    collection: Collection = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the pictures of a collection, with citations."""
    from api.cli.backend import open_backend

    settings = _settings(collection=collection)
    with open_backend(settings) as backend:
        answer = backend.ask(question, image, collection=settings.collection, limit=limit)
    show.answered(answer, as_json=as_json)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address; loopback only.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = None,
) -> None:
    """Serve the HTTP API on this machine until Ctrl-C."""
    from api.main import serve as run

    run(_settings(host=host, port=port))


@app.command()
def demo(
    questions: Annotated[
        Path | None, typer.Option(help="Other questions: JSON lines, see the README.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ingest the photos that come with the installation, and ask questions about them."""
    from api.cli.demo import run

    right = run(_settings(collection="demo"), questions, as_json=as_json)
    if not right:
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at every part: which was chosen, can it be reached, where it runs, and what to do if not."""
    from api.cli.doctor import examine

    reports = examine(_settings())
    show.examined(reports, as_json=as_json)
    if any(report.state == "failed" for report in reports):
        raise typer.Exit(1)


@app.command()
def prepare() -> None:
    """Compile the packaged models, so that the first use does not wait. Opens no collection."""
    from api.cli.doctor import prepare_models

    typer.echo(f"models ready in {prepare_models(_settings())}")


@app.command()
def settings(as_json: AsJson = False) -> None:
    """Show each setting, its value and where it came from."""
    show.settings(origins(_settings()), as_json=as_json)


def main() -> None:
    """The entry point: errors raised on purpose become one message and exit code 2."""
    try:
        app()
    except OlharError as error:
        typer.echo(f"olhar: {error}", err=True)
        sys.exit(REFUSED)


def _settings(**overrides: object) -> Settings:
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})
