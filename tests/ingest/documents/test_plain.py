"""Markdown, plain text, tables with commas."""

from __future__ import annotations

from pathlib import Path

from ingest.documents.parsing import parse

from .conftest import png


def test_markdown_with_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    text = "---\ntitle: 'Ports'\n---\n# Harbours\nThey are *old*.\n\n![The lighthouse](a.png)\n\n"
    text += "| a | b |\n|---|---|\n| 1 | 2 |\n"
    document = parse(text.encode(), "ports.md", folder=str(tmp_path))
    assert document.title == "Ports"
    assert document.passages[0].context == "Ports › Harbours"
    assert document.passages[0].text == "They are old.\n\na | b\n\n1 | 2"
    assert document.figures[0].caption == "The lighthouse"


def test_paragraphs_of_plain_text() -> None:
    document = parse("Às vezes\r\nchove.\r\n\r\nHoje não.".encode("cp1252"), "notas.txt")
    assert document.passages[0].text == "Às vezes chove.\n\nHoje não."
    assert document.title == "notas"


def test_rows_name_their_columns() -> None:
    document = parse(b"name;depth\nLisboa;12\n;3\n", "ports.csv")
    assert document.passages[0].text.split("\n\n") == ["name | depth", "name: Lisboa | depth: 12", "depth: 3"]
