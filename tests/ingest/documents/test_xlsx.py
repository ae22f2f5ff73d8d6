"""Excel files."""

from __future__ import annotations

import datetime
import io

import openpyxl
import pytest
from openpyxl.drawing.image import Image

from ingest.documents.parsing import parse
from ingest.documents.records import Limits
from rag.errors import BadDocument, OverLimit

from .conftest import png


def book(*, picture: bool = False, words: bool = True) -> bytes:
    made = openpyxl.Workbook()
    made.create_sheet("Ports")
    sheet = made["Ports"]
    if words:
        sheet.append(["name", "built", "depth"])
        sheet.append(["Lisboa", datetime.datetime(1755, 11, 1), 12.5])
        sheet["A2000"] = "far below"
    if picture:
        sheet.add_image(Image(io.BytesIO(png())), "E5")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_sheets_are_read_row_by_row_under_their_names() -> None:
    document = parse(book(picture=True), "ports.xlsx")
    (passage,) = document.passages
    assert passage.part == "sheet-2/passage-1"
    assert passage.context == "ports › Ports"
    assert "Lisboa | 1755-11-01 | 12.5" in passage.text
    (figure,) = document.figures
    assert figure.page == 2


def test_an_empty_book_is_said_to_be_empty() -> None:
    with pytest.raises(BadDocument, match="neither text nor a picture"):
        parse(book(words=False), "empty.xlsx")


def test_what_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(OverLimit):
        parse(book(), "ports.xlsx", limits=Limits(expanded=1000))
