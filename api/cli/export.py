"""``olhar export``: the chosen encoder as a folder that ONNX Runtime runs, if it passes the parity check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from api.cli import show
from api.cli.demo import demo_photos
from ingest.sources import walk
from rag.build import COMPACT, build
from rag.encoders.exported import Precision, is_exported
from rag.encoders.parity import Limits, Sample
from rag.errors import BadImage, InvalidInput
from rag.evaluation.datasets import read_dataset
from rag.images import decode
from rag.settings import Settings
from rag.types import Pixels

PHOTOS = 1000
"""Photos of the evaluation set that are looked at."""
CALIBRATION = 256
WORKING_SIDE = 512


def run(
    settings: Settings,
    out: Path,
    *,
    int8: bool,
    data: Path | None,
    calibrate: Path | None,
    min_cosine: float | None,
    max_loss: float | None,
    as_json: bool,
) -> bool:
    """Export OLHAR_ENCODER into ``out`` and print the report. False when it was refused.

    Raises InvalidInput when something that is needed was not given, or the encoder is exported already.
    """
    from rag.encoders.export import DEFAULT_LIMITS, export_compact, export_dual

    precision: Precision = "int8" if int8 else "fp32"
    _check(settings, int8=int8, data=data)
    usual = DEFAULT_LIMITS[precision]
    limits = Limits(
        usual.cosine if min_cosine is None else min_cosine, usual.loss if max_loss is None else max_loss / 100
    )
    sample = _sample(data, settings) if data else _demo(settings)
    if settings.encoder == COMPACT:
        pictures = list(_calibration(calibrate, settings)) if calibrate else []
        with build(settings) as olhar:
            done = export_compact(olhar.models, out, sample=sample, calibration=pictures, limits=limits)
    else:
        done = export_dual(settings.encoder, out, precision=precision, sample=sample, limits=limits)
    report = {
        "encoder": settings.encoder,
        "precision": precision,
        "folder": None if done.folder is None else str(done.folder),
        "megabytes": round(done.megabytes, 1),
        **done.parity.as_json(),
    }
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        _print(report, done.parity.failures)
    return done.folder is not None


def _check(settings: Settings, *, int8: bool, data: Path | None) -> None:
    if settings.encoder != COMPACT and is_exported(settings.encoder):
        raise InvalidInput(
            f"OLHAR_ENCODER={settings.encoder} is an export already; name the model it came from"
        )
    if settings.encoder == COMPACT and not int8:
        raise InvalidInput("compact runs through ONNX Runtime as it is; --int8 makes it smaller and faster")
    if int8 and data is None:
        raise InvalidInput(
            "int8 moves the vectors: --data has to name a folder with a captions.jsonl, on which recall is "
            "measured before and after"
        )


def _sample(folder: Path, settings: Settings) -> Sample:
    pictures: list[Pixels] = []
    texts: list[str] = []
    right: list[int] = []
    for photo in read_dataset(folder).photos:
        asked = photo.captions or tuple(f"a photo of a {label}" for label in photo.labels)
        if len(pictures) == PHOTOS:
            break
        if asked and (pixels := _decoded(photo.path.read_bytes(), settings)) is not None:
            right += [len(pictures)] * len(asked)
            texts += asked
            pictures.append(pixels)
    if not pictures:
        raise InvalidInput(f"{folder}: no photo with a caption or a label that can be used")
    return Sample(pictures, texts, right)


def _demo(settings: Settings) -> Sample:
    """The photos that come with the installation: enough for cosines, too few for recall."""
    photos = [(file, _decoded(file.read(), settings)) for file in demo_photos()]
    texts = [file.description.caption for file, _ in photos if file.description.caption]
    return Sample([pixels for _, pixels in photos if pixels is not None], texts)


def _calibration(folder: Path, settings: Settings) -> Iterator[Pixels]:
    def pictures() -> Iterable[Pixels]:
        for file in walk([folder]):
            pixels = None if file.refused else _decoded(file.read(), settings)
            if pixels is not None:
                yield pixels

    return islice(iter(pictures()), CALIBRATION)


def _decoded(data: bytes, settings: Settings) -> Pixels | None:
    try:
        return decode(data, max_pixels=settings.max_pixels, max_side=WORKING_SIDE)
    except BadImage:
        return None


def _print(report: dict[str, object], failures: tuple[str, ...]) -> None:
    out = show.console()
    table = Table("measured", "", box=None, pad_edge=False)
    for name, value in report.items():
        if name not in ("failures", "folder") and value not in ({}, ()):
            table.add_row(name.replace("_", " "), escape(_shown(value)))
    out.print(table)
    if report["folder"] is None:
        out.print("[red]refused[/], nothing was written:")
        for failure in failures:
            out.print(f"  {escape(failure)}")
    else:
        out.print(f"[green]written[/]; use it with OLHAR_ENCODER={escape(str(report['folder']))}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {number:.4f}" for key, number in value.items())
    return str(value)
