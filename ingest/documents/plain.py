"""Markdown, plain text and tables with commas."""

from __future__ import annotations

import csv
import io
import re

from markdown_it import MarkdownIt

from ingest.documents.blocks import Reading
from ingest.documents.html import Find, nothing, read_html

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_BLANK = re.compile(r"\n[ \t]*\n")


def read_markdown(text: str, reading: Reading, find: Find = nothing) -> None:
    """By way of HTML; a title in the front matter counts."""
    text = text.replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    if front:
        title = _TITLE.search(front.group(1))
        reading.named(title.group(1) if title else "")
        text = text[front.end() :]
    read_html(MarkdownIt("commonmark").enable("table").render(text), reading, find)


def read_text(text: str, reading: Reading) -> None:
    """Paragraphs are what empty lines part."""
    for paragraph in _BLANK.split(text.replace("\r\n", "\n").replace("\r", "\n")):
        reading.text(paragraph)


def read_csv(text: str, reading: Reading) -> None:
    """Each row is a line with the names of its columns."""
    sample = text[:20_000]
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    rows = csv.reader(io.StringIO(text, newline=""), dialect)
    names: list[str] = []
    try:
        for row in rows:
            if reading.full:
                return
            if not names:
                names = row
                reading.text(" | ".join(row))
            else:
                reading.text(
                    " | ".join(_cell(names, place, value) for place, value in enumerate(row) if value)
                )
    except csv.Error as error:
        reading.note(f"read up to line {rows.line_num}: {error}")


def _cell(names: list[str], place: int, value: str) -> str:
    name = names[place].strip() if place < len(names) else ""
    return f"{name}: {value}" if name else value
