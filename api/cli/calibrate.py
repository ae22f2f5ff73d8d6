"""``olhar calibrate``: fit the weights of the legs, and relevance, to one's own captions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import typer
from rich.table import Table

from api.cli import show
from api.cli.pairs import read_pairs
from api.owner import acquire, server_of
from rag.build import Olhar, build
from rag.errors import DataFolderBusy, InvalidInput
from rag.evaluation.calibrating import (
    Captioned,
    Fitted,
    Questions,
    calibrate,
    questions_asked,
    questions_of,
)
from rag.evaluation.datasets import read_dataset
from rag.evaluation.encoding import Encoders
from rag.retrieval.calibration_file import forget, save
from rag.settings import Settings
from rag.types import Item, Row, Scope, Vector

PHOTOS = 1_000
"""Photos that are looked at; the ids of items are hashes, so the first of them are a random sample."""
PAGE = 200


@dataclass(frozen=True, slots=True)
class Options:
    """As the options of the command."""

    collection: str | None
    dataset: Path | None
    pairs: Path | None
    forget: bool
    dry_run: bool
    seed: int


def run(settings: Settings, options: Options, *, as_json: bool) -> None:
    """Fit, keep and print. Raises DataFolderBusy while served, InvalidInput without enough captions."""
    url = server_of(settings.data)
    if url is not None:
        raise DataFolderBusy(
            f"the data folder {settings.data} is served at {url}, which has read its calibration already; "
            "stop that server, then run `olhar calibrate` again"
        )
    with acquire(settings.data), build(settings) as olhar:
        if options.forget:
            gone = forget(settings.data)
            typer.echo(
                json.dumps({"forgotten": gone}) if as_json else "forgotten" if gone else "there was none"
            )
            return
        asked = _asked(olhar, options, as_json=as_json)
        fitted = calibrate(asked, olhar.row_calibration, seed=options.seed)
        facts = {key: value for key, value in asdict(fitted).items() if key != "calibration"}
        file = None
        if not options.dry_run:
            prints = olhar.encoder.fingerprint, olhar.text_encoder.fingerprint
            file = save(settings.data, fitted.calibration, *prints, facts)
    if as_json:
        typer.echo(json.dumps({"file": str(file) if file else None, **asdict(fitted)}))
    else:
        _print(fitted, file)


def _asked(olhar: Olhar, options: Options, *, as_json: bool) -> Questions:
    encoders = olhar.encoder, olhar.text_encoder
    scope = Scope(olhar.settings.tenant, options.collection or olhar.settings.collection)
    if options.pairs and options.dataset:
        raise InvalidInput("--pairs asks about the collection, --dataset about another: give one of them")
    if options.dataset:
        return questions_of(_from_dataset(olhar, options), *encoders, seed=options.seed)
    if not options.pairs:
        photos = _captioned(_photos(olhar, scope), scope)
        return questions_of(photos, *encoders, seed=options.seed)
    pairs, bad = read_pairs(options.pairs, olhar.store, scope)
    for line in bad if not as_json else ():
        typer.echo(f"left out: {options.pairs}, {line}", err=True)
    wanted = list(dict.fromkeys(pair.item_id for pair in pairs))
    rows = {row.item.id: row for row in _photos(olhar, scope)}
    rows |= {row.item.id: row for row in olhar.store.rows(scope, "image", wanted)}
    there = [row for row in rows.values() if row.image_vector is not None]
    places = {row.item.id: place for place, row in enumerate(there)}
    asking = [(pair.question, places[pair.item_id]) for pair in pairs if pair.item_id in places]
    return questions_asked(_captioned(there, scope), asking, *encoders, seed=options.seed)


def _from_dataset(olhar: Olhar, options: Options) -> Captioned:
    assert options.dataset is not None
    dataset = read_dataset(options.dataset)
    rng = np.random.default_rng(options.seed)
    chosen = rng.permutation(len(dataset.photos))[:PHOTOS].tolist()
    some = type(dataset)(dataset.folder, tuple(dataset.photos[n] for n in chosen), dataset.bad_rows)
    encoders = Encoders(olhar.encoder, olhar.text_encoder, olhar.settings.max_pixels)
    usable, vectors = encoders.photos(some)
    return Captioned(vectors, [photo.captions for photo in usable.photos])


def _captioned(rows: Iterable[Row], scope: Scope) -> Captioned:
    vectors: list[Vector] = []
    captions: list[tuple[str, ...]] = []
    for row in rows:
        if row.image_vector is not None:
            vectors.append(row.image_vector)
            captions.append(_captions(row.item))
    if not vectors:
        raise InvalidInput(f"the collection {scope.collection!r} has no photos; calibrate with --dataset")
    return Captioned(np.stack(vectors), captions)


def _photos(olhar: Olhar, scope: Scope) -> Iterator[Row]:
    """Photos of the collection; figures of documents are ranked by their texts, and left out."""
    after, seen = "", 0
    while seen < PHOTOS:
        items = olhar.store.scan(scope, "image", after=after, limit=PAGE)
        if not items:
            return
        after, seen = items[-1].id, seen + len(items)
        yield from olhar.store.rows(scope, "image", [item.id for item in items if not item.parent_id])


def _captions(item: Item) -> tuple[str, ...]:
    others = item.metadata.get("captions", [])
    texts = [item.caption, *(others if isinstance(others, list) else [])]
    return tuple(text for text in texts if isinstance(text, str) and text)


def _print(fitted: Fitted, file: Path | None) -> None:
    out = show.console()
    out.print(f"{fitted.questions} questions, {fitted.photos} photos")
    table = Table(
        "on questions not fitted on", "recall@1", "calibration error", "AUROC", box=None, pad_edge=False
    )
    for name, figures in (("before", fitted.before), ("after", fitted.after)):
        told = figures.reliability
        auroc = "–" if told.auroc is None else f"{told.auroc:.3f}"
        table.add_row(name, f"{figures.recall_at_1:.3f}", f"{told.ece:.3f}", auroc)
    out.print(table)
    bins = Table("relevance", "first hits", "of them right", box=None, pad_edge=False)
    for one in fitted.after.reliability.bins:
        bins.add_row(f"{one.relevance:.2f}", str(one.count), f"{one.right:.2f}")
    out.print(bins)
    if not fitted.captions:
        out.print("the weights of photos with a caption stay as they were: too few photos have two captions")
    out.print(f"kept in {file}" if file else "nothing was kept (--dry-run)", markup=False, soft_wrap=True)
