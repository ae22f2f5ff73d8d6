"""``olhar models``: what is known of each encoder, from its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rag.models import ENCODERS, SOUND_ENCODERS, TEXT_ENCODERS, EncoderRow

MANY_LANGUAGES = 4


def show(*, as_json: bool) -> None:
    """Print the rows: as a table, or all that they hold as JSON."""
    if as_json:
        rows = [{"setting": setting, **asdict(row)} for setting, row in _rows()]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(
        "model", "setting", "numbers", "million parameters", "GFLOP a picture", "languages", "licence",
        "published recall", box=None, pad_edge=False,
    )  # fmt: skip
    for setting, row in _rows():
        table.add_row(
            escape(row.name),
            setting,
            _known(row.dimension),
            _known(row.parameters),
            _known(row.image_gflops),
            languages(row),
            escape(row.licence),
            escape(row.figures),
        )
    Console().print(table)


def languages(row: EncoderRow) -> str:
    """The codes of a few languages, the number of many, ``not named`` where the authors name none."""
    if len(row.languages) >= MANY_LANGUAGES:
        return str(len(row.languages))
    return " ".join(row.languages) or "not named"


def _rows() -> Iterator[tuple[str, EncoderRow]]:
    yield from (("OLHAR_ENCODER", row) for row in ENCODERS)
    yield from (("OLHAR_TEXT_ENCODER", row) for row in TEXT_ENCODERS)
    yield from (("OLHAR_ENCODER", row) for row in SOUND_ENCODERS)


def _known(number: float) -> str:
    return f"{number:g}" if number else "–"
