"""Excel files: sheet by sheet, row by row, with the pictures on them."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Iterable

import openpyxl

from ingest.documents.blocks import Reading
from ingest.documents.containers import Container
from ingest.documents.markup import attribute, find_all
from ingest.documents.office import open_part, relation_id, relations, take_drawn
from rag.errors import BadDocument, OlharError

COLUMNS = 200
ROWS = 100_000
EMPTY_ROWS = 1000
"""After so many empty rows nothing more is looked for: sheets often claim a million."""


def read_xlsx(data: bytes, reading: Reading) -> None:
    """Into ``reading``. Raises BadDocument and OverLimit."""
    container = Container(data, reading.limits.expanded)
    for name in container.names:  # before openpyxl unpacks it without counting
        if name.endswith(".xml"):
            container.read(name)
    reading.unit = "sheet"
    sheets = _sheets(container)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that play no part here
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            reading.named(book.properties.title or "")
            reading.about({"author": book.properties.creator})
            for number, sheet in enumerate(book.worksheets, start=1):
                if not reading.page(number):
                    break
                sheet.reset_dimensions()
                rows = sheet.iter_rows(max_col=COLUMNS, max_row=ROWS, values_only=True)
                _rows(reading, sheet.title, rows, number)
                _pictures(reading, container, sheets.get(sheet.title, ""), number)
    except OlharError:
        raise
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
        zipfile.BadZipFile,
    ) as error:
        raise BadDocument(f"the file is broken: {error}") from None


def _rows(reading: Reading, title: str, rows: Iterable[tuple[object, ...]], number: int) -> None:
    empty, named = 0, False
    for row in rows:
        line = " | ".join(_shown(value) for value in row if value is not None and str(value).strip())
        empty = 0 if line else empty + 1
        if reading.full or empty > EMPTY_ROWS:
            return
        if line and not named:  # the name of an empty sheet says nothing
            reading.text(title, page=number, level=1)
            named = True
        reading.text(line, page=number)


def _shown(value: object) -> str:
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _sheets(container: Container) -> dict[str, str]:
    """The file of each sheet, by its title."""
    book = open_part(container, "xl/workbook.xml")
    sheets = find_all(book.root, "sheet")
    return {attribute(sheet, "name"): book.targets.get(relation_id(sheet), "") for sheet in sheets}


def _pictures(reading: Reading, container: Container, sheet: str, number: int) -> None:
    for target in relations(container, sheet).values():
        if "/drawings/drawing" in target and target in container.names:
            part = open_part(container, target)
            for anchor in find_all(part.root, "pic"):
                take_drawn(reading, container, part, anchor, number)
