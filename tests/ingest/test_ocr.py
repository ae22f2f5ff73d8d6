"""Text in pictures: what is read, in which order, and what is said when it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import ocr
from ingest.ocr import MOST_CHARACTERS, Line, Ocr, Reading, reading_of, rows_of
from rag.errors import ModelUnavailable

from .documents.conftest import written

LINES = st.builds(
    lambda text, left, top, height: Line(text, 0.9, left, top, top + height),
    st.text(min_size=1, max_size=5),
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(1, 60),
)


def line(text: str, left: float, top: float, confidence: float = 0.9) -> Line:
    return Line(text, confidence, left, top, top + 20)


def test_drawn_text_is_read_and_a_picture_without_any_gives_none() -> None:
    reader = Ocr()
    found = reader.read(written("The bridge was closed", "in March 1987"))
    assert found.text.splitlines() == ["The bridge was closed", "in March 1987"]
    assert 0.9 < found.confidence <= 1
    assert reader.read(np.full((224, 224, 3), 200, np.uint8)) == Reading("", 0.0)


def test_rows_go_down_and_lines_in_them_to_the_right() -> None:
    lines = [line("four", 0, 60), line("two", 300, 3), line("three", 0, 30), line("one", 0, 0)]
    assert reading_of(lines).text == "one two\nthree\nfour"


def test_lines_that_are_too_unsure_are_left_out() -> None:
    found = reading_of([line("sure", 0, 0, 0.8), line("perhaps", 0, 40, 0.5), line("  ", 0, 80, 0.9)])
    assert found.text == "sure"
    assert found.confidence == pytest.approx(0.8)


def test_no_more_is_given_than_can_be_kept() -> None:
    assert len(reading_of([line("語" * 2 * MOST_CHARACTERS, 0, 0)]).text) == MOST_CHARACTERS


@given(st.lists(LINES, max_size=12))
def test_every_line_is_in_one_row_and_rows_go_down(lines: list[Line]) -> None:
    rows = rows_of(lines)
    assert sorted(map(str, lines)) == sorted(str(line) for row in rows for line in row)
    assert all(row == sorted(row, key=lambda line: line.left) for row in rows)
    tops = [min(line.top + line.bottom for line in row) for row in rows]
    assert tops == sorted(tops)


def test_models_that_are_not_there_are_named_and_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "MODELS", {"Det": "other.onnx"})
    with pytest.raises(ModelUnavailable, match=r"other\.onnx.*OLHAR_OCR=off"):
        Ocr().read(np.zeros((64, 64, 3), np.uint8))
