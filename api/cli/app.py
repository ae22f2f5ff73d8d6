"""``olhar``: the commands. Each reads its arguments, calls one function and shows what came back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli import (
    asking,
    classifying,
    curating,
    fairness,
    index_export,
    keys,
    looking_after,
    measuring,
    moderating,
    show,
    talking,
)
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

app.add_typer(curating.curate, name="curate")
app.add_typer(looking_after.jobs, name="jobs")
app.add_typer(looking_after.items, name="items")
app.add_typer(looking_after.collections, name="collections")
app.add_typer(talking.threads, name="threads")
app.add_typer(talking.feedback, name="feedback")
app.add_typer(keys.keys, name="keys")
app.command("audit")(keys.audit)
app.command("ocr")(looking_after.ocr)
app.command("caption")(looking_after.caption)
app.command("quality")(measuring.quality)
app.command("classify")(classifying.classify)
app.command("fairness")(fairness.fairness)
app.command("export-index")(index_export.export_index)
app.add_typer(classifying.classifiers, name="classifiers")
app.command("moderate")(moderating.moderate)
app.add_typer(moderating.moderation, name="moderation")

Collection = Annotated[str | None, typer.Option(help="Collection to work on.  [default: OLHAR_COLLECTION]")]
Limit = Annotated[int | None, typer.Option(min=1, max=1000, help="At most so many.")]
Reranked = Annotated[
    bool | None,
    typer.Option(
        "--rerank/--no-rerank", help="Have the reranker look at what was found.  [default: for answers]"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Filtered = Annotated[
    str | None,
    typer.Option(
        "--where", help="Only what fits, e.g. 'tags:beach taken>=2024 -camera:X100'.", metavar="FILTER"
    ),
]
Pictures = Annotated[
    list[Path] | None, typer.Option(help="A picture to search or ask with; may be repeated.", dir_okay=False)
]
Heard = Annotated[
    Path | None, typer.Option(help="A sound to search or ask with, where the encoder hears.", dir_okay=False)
]
Like = Annotated[
    list[str] | None,
    typer.Option(help="Id of an item to find the like of; may be repeated.", metavar="ID"),
]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="In all collections.")]
Grouping = Annotated[
    Literal["duplicates", "document", "all", "none"],
    typer.Option(help="One hit of pictures that look alike, of each document, of both, or none."),
]
Diversity = Annotated[
    float, typer.Option(min=0, max=1, help="From 0, by relevance alone, to 1, as different as can be.")
]


@app.command()
def ingest(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders, patterns, ZIP and TAR archives, manifests (CSV, JSON lines, Parquet), "
            "URLs.",
            metavar="SOURCE…",
        ),
    ],
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
    from ingest.sources import Reading, open_sources

    settings = _settings(collection=collection)
    files = list(open_sources(sources, Reading.of(settings, local=True)))
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
def sync(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that the collection follows.", metavar="FOLDER…")
    ],
    collection: Collection = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what changes, until Ctrl-C.")] = False,
    empty_is_meant: Annotated[
        bool, typer.Option("--empty-is-meant", help="Also when a folder is empty or gone altogether.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ingest what is new or changed in folders, and take away what is gone from them.

    Exit code 3 when a file failed.
    """
    from api.cli.syncing import Sync, run

    chosen = [folder.absolute() for folder in folders]
    if not run(Sync(_settings(collection=collection), chosen, empty_is_meant, as_json), watch=watch):
        raise typer.Exit(SOME_FAILED)


@app.command()
def search(
    text: Annotated[
        str, typer.Argument(help='What to look for; -WORD and -"some words" for what it should not be about.')
    ] = "",
    image: Pictures = None,
    sound: Heard = None,
    like: Like = None,
    where: Filtered = None,
    collection: Collection = None,
    everywhere: Everywhere = False,
    limit: Limit = None,
    rerank: Reranked = None,
    group: Grouping = "duplicates",
    diversity: Diversity = 0.0,
    offset: Annotated[int, typer.Option(min=0, max=1000, help="Pass over so many hits.")] = 0,
    cursor: Annotated[str, typer.Option(help="Go on after the page that ended with it.")] = "",
    fair: Annotated[
        str, typer.Option(help="Give groups their shares of the hits.", metavar="FIELD:VALUE=SHARE,…")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find items by a text, by pictures, by a sound, by the like of others, or by several of these."""
    from api.cli.backend import open_backend
    from api.query_schemas import SearchIn

    settings = _settings(collection=collection)
    wanted = asking.question(
        SearchIn,
        text,
        settings.collection,
        like=like,
        where=where,
        everywhere=everywhere,
        limit=limit,
        rerank=rerank,
        group=group,
        diversity=diversity,
        offset=offset,
        cursor=cursor,
        fair=asking.shares(fair),
    )
    with open_backend(settings) as backend:
        found = backend.search(wanted, image or [], sound)
    show.found(found, as_json=as_json)


@app.command()
def ask(
    question: Annotated[
        str, typer.Argument(help="The question; -WORD for what its evidence should not be about.")
    ] = "",
    image: Pictures = None,
    sound: Heard = None,
    like: Like = None,
    where: Filtered = None,
    collection: Collection = None,
    everywhere: Everywhere = False,
    limit: Limit = None,
    rerank: Reranked = None,
    group: Grouping = "duplicates",
    diversity: Diversity = 0.0,
    thread: Annotated[
        str | None, typer.Option(help="Keep it in this thread, and go on with what was said there.")
    ] = None,
    faithfulness: Annotated[
        Literal["off", "words", "llm"] | None,
        typer.Option(help="Hold each sentence against its evidence.  [default: OLHAR_FAITHFULNESS]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the pictures of a collection, with citations."""
    from api.cli.backend import open_backend
    from api.query_schemas import AskIn

    settings = _settings(collection=collection)
    wanted = asking.question(
        AskIn,
        question,
        settings.collection,
        like=like,
        where=where,
        everywhere=everywhere,
        limit=limit,
        rerank=rerank,
        group=group,
        diversity=diversity,
        thread=thread,
        faithfulness=faithfulness,
    )
    with open_backend(settings) as backend:
        answer = backend.ask(wanted, image or [], sound)
    show.answered(answer, as_json=as_json)


@app.command()
def duplicates(
    collection: Collection = None,
    distance: Annotated[
        int, typer.Option(min=0, max=16, help="Bits of 64 in which two pictures may differ.")
    ] = 6,
    as_json: AsJson = False,
) -> None:
    """Show the pictures of a collection that look alike, in groups. Removes nothing."""
    from api.cli.backend import open_backend

    settings = _settings(collection=collection)
    with open_backend(settings) as backend:
        found = backend.duplicates(distance, collection=settings.collection)
    show.alike(found, as_json=as_json)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address; others than loopback need a key.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = None,
) -> None:
    """Serve the HTTP API until Ctrl-C: to this machine, or with keys to others (docs/security.md)."""
    from api.main import serve as run

    run(_settings(host=host, port=port))


@app.command()
def worker() -> None:
    """Work on jobs until Ctrl-C; needs Postgres and a Milvus server, and any number may run."""
    from api.main import work

    work(_settings())


@app.command()
def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP on this machine, not over stdin and stdout.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of HTTP; 0 for any free one.")] = 8010,
    collection: Collection = None,
) -> None:
    """Serve the collections as tools of the Model Context Protocol, for assistants on this machine."""
    from api.mcp.serving import over_http, over_stdio

    settings = _settings(collection=collection)
    if http:
        over_http(settings, port)
    else:
        over_stdio(settings)


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


@app.command("eval")
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Folder of a data set.", metavar="DATASET")],
    protocol: Annotated[
        Literal["image-only", "captioned", "labels", "passages"] | None,
        typer.Option(
            help="What is stored, and what is asked.  [default: image-only; passages for texts]",
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="Form of the data set; by default it is found by the files.")
    ] = "",
    split: Annotated[str, typer.Option(help="Part of the data set, where it has several.")] = "",
    language: Annotated[str, typer.Option(help="Language of the captions, where there are several.")] = "",
    legs: Annotated[str, typer.Option(help="Legs that take part, with commas.")] = "image,caption,bm25",
    fusion: Annotated[
        str, typer.Option(help="Fusions to compare, with commas; the others are set beside the first.")
    ] = "calibrated",
    queries: Annotated[int | None, typer.Option(min=1, help="A random sample of so many queries.")] = None,
    rerank: Annotated[bool, typer.Option("--rerank", help="Also with the reranker that is set.")] = False,
    through_store: Annotated[
        bool, typer.Option("--through-store", help="Also by the real search over a Milvus Lite file.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page (HTML, one file) with pictures.", dir_okay=False)
    ] = None,
    drop_captions: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the stored captions to take away, at random.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure how well the photos or texts of a data set are found. Opens no collection."""
    from api.cli.evaluate import Request, run

    request = Request(
        dataset=dataset,
        protocol=protocol,
        form=form,
        split=split,
        language=language,
        legs=legs,
        fusions=fusion,
        queries=queries,
        rerank=rerank,
        through_store=through_store,
        report=report,
        drop_captions=drop_captions,
        seed=seed,
    )
    run(_settings(), request, as_json=as_json)


@app.command()
def reindex(
    force: Annotated[
        bool,
        typer.Option("--force", help="Move though some items lose a vector or recall falls; it says which."),
    ] = False,
    budget: Annotated[
        float, typer.Option(min=0, max=1, help="How far recall@10 may fall; 1: it is not compared.")
    ] = 0.05,
    old_encoder: Annotated[
        str, typer.Option(help="What OLHAR_ENCODER was; needed when it was a folder.")
    ] = "",
    old_text_encoder: Annotated[
        str, typer.Option(help="What OLHAR_TEXT_ENCODER was; needed when it was a folder.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Rebuild all collections from the originals, for the encoder that is set now.

    The old collections are read until the new ones are whole. Exit code 3 when some item could not be
    rebuilt or recall fell by more than the budget, and the old ones stay.
    """
    from api.cli.reindex import Options, run

    options = Options(force, budget, old_encoder, old_text_encoder)
    if not run(_settings(), options, as_json=as_json):
        raise typer.Exit(SOME_FAILED)


@app.command()
def calibrate(
    collection: Collection = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Fit on a folder with a captions.jsonl instead.", file_okay=False)
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Fit on questions and their photos: JSON lines.", dir_okay=False),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Go back to what the encoder comes with.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it brings, and keep nothing.")] = False,
    seed: Annotated[int, typer.Option(help="Behind all that is drawn at random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit order and relevance to your own captions, and keep that in the data folder.

    A caption beside the first of a photo is asked for, and its photo is right.
    """
    from api.cli.calibrate import Options, run

    run(_settings(), Options(collection, dataset, pairs, forget, dry_run, seed), as_json=as_json)


@app.command()
def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be put right.")] = False,
    as_json: AsJson = False,
) -> None:
    """See whether originals, records and Milvus agree. Changes nothing without --repair.

    Exit code 3 when differences are left.
    """
    from api.cli.reconciling import run

    if not run(_settings(), repair=repair, as_json=as_json):
        raise typer.Exit(SOME_FAILED)


@app.command()
def models(as_json: AsJson = False) -> None:
    """Show the encoders that are known: size, cost, languages, licence, published recall."""
    from api.cli.models import show as show_models

    show_models(as_json=as_json)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="Folder to write; new or empty.", file_okay=False)],
    int8: Annotated[bool, typer.Option("--int8", help="Smaller and faster; needs --data.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder with a captions.jsonl, to measure recall on.", file_okay=False)
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Folder of other pictures; for compact.", file_okay=False)
    ] = None,
    min_cosine: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least mean cosine to the original's vectors.")
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(min=0, max=100, help="Most recall that may be lost, in points.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the encoder as a folder for ONNX Runtime on CPUs, to be named by OLHAR_ENCODER.

    Exit code 3 when it is too far from the original; nothing is written then.
    """
    from api.cli.export import run

    if not run(
        _settings(),
        out,
        int8=int8,
        data=data,
        calibrate=calibrate,
        min_cosine=min_cosine,
        max_loss=max_loss,
        as_json=as_json,
    ):
        raise typer.Exit(SOME_FAILED)


@app.command()
def train(
    model: Annotated[
        str, typer.Argument(help="compact, or a CLIP-like model: hub name or folder.", metavar="MODEL")
    ],
    data: Annotated[Path, typer.Option(help="Folder with captions.jsonl, or a CSV of path,caption.")],
    out: Annotated[Path, typer.Option(help="Folder for the result; one broken off is gone on with.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the captions.")] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Pairs that are told apart at a time.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="The highest of the run.")] = None,
    start: Annotated[str | None, typer.Option(help="Begin from these heads: packaged, or a folder.")] = None,
    mix: Annotated[float, typer.Option(min=0, max=1, help="Share of the new weights in the result.")] = 1.0,
    replay: Annotated[Path | None, typer.Option(help="Data set that is not to be forgotten.")] = None,
    validation: Annotated[float, typer.Option(min=0, max=0.5, help="Share of photos held back.")] = 0.05,
    reference: Annotated[Path | None, typer.Option(help="Data set on which quality may not fall.")] = None,
    budget: Annotated[
        float, typer.Option(min=0, max=1, help="How far recall@10 may fall on the reference set.")
    ] = 0.02,
    rank: Annotated[int | None, typer.Option(min=1, help="Not compact: rank of the adapters.")] = None,
    full: Annotated[bool, typer.Option(help="Not compact: train all weights, not adapters.")] = False,
    chunk: Annotated[
        int | None, typer.Option(min=1, help="Not compact: pictures or texts on the device at a time.")
    ] = None,
    freeze: Annotated[
        Literal["image", "text"] | None, typer.Option(help="Not compact: a tower that stays as it is.")
    ] = None,
    balance: Annotated[
        str, typer.Option(help="Not compact: field of the data by which groups are seen alike often.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Teach an encoder your own photos and their captions."""
    from api.cli.train import Options, run

    options = Options(
        model=model,
        data=data,
        out=out,
        seed=seed,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        start=start,
        mix=mix,
        replay=replay,
        validation=validation,
        reference=reference,
        budget=budget,
        rank=rank,
        full=full,
        chunk=chunk,
        freeze=freeze,
        balance=balance,
    )
    run(_settings(), options, as_json=as_json)


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
