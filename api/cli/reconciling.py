"""``olhar reconcile``: do originals, records and Milvus agree?"""

from __future__ import annotations

import typer

from api.cli import show
from api.cli.backend import open_backend
from api.record_schemas import DifferenceOut, ReconciledOut
from rag.settings import Settings

MEANS = {
    "no-item": "noted, but its item is not in Milvus",
    "no-original": "its original is missing",
    "no-place": "an item's source that the records lack",
    "lost-receipt": "said to be stored, but its item is not there",
    "lost-parent": "part of a document that is not there",
    "incomplete-document": "fewer parts than were read",
    "unused-original": "an original that nothing uses",
    "unused-upload": "sent bytes that no job waits for",
    "unfinished-file": "left by a write that was broken off",
    "unfinished-deletion": "a deletion that was broken off",
}
DOES = {
    "place": ("noted", "--repair notes it"),
    "delete": ("deleted", "--repair deletes it"),
    "finish": ("finished", "--repair finishes it"),
    "ingest": ("ingested again", "--repair ingests it again"),
    "person": ("", "only you can: ingest the file again, or delete it with `olhar items`"),
}


def run(settings: Settings, *, repair: bool, as_json: bool) -> bool:
    """Compare, and with ``repair`` put right what can be; whether nothing is left."""
    with open_backend(settings) as backend:
        found = backend.administration.reconcile(repair=repair)
    if as_json:
        show.as_json(found)
    else:
        _print(found)
    return not found.left


def _print(found: ReconciledOut) -> None:
    if not found.counts:
        typer.echo("originals, records and Milvus agree")
        return
    for difference in found.differences:
        where = f"{difference.collection}: " if difference.collection else ""
        means = MEANS[difference.kind]
        typer.echo(f"{where}{difference.name}: {means} ({_done(difference)})")
    total = sum(found.counts.values())
    if total > len(found.differences):
        typer.echo(f"and {total - len(found.differences):,} more")
    for job_id in found.jobs:
        typer.echo(f"ingested again by the job {job_id}: `olhar jobs show {job_id}`")
    typer.echo(f"{total:,} differences, {found.left:,} left")


def _done(difference: DifferenceOut) -> str:
    done, remedy = DOES[difference.remedy]
    return done if difference.repaired else remedy
