"""The text of a PDF page: lines with their places, joined to paragraphs, headings and captions."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pypdfium2

from ingest.documents.captions import is_caption, split_captions
from ingest.documents.records import Box

HEADING = 1.18
"""Letters so much larger than those of the body make a heading."""
LEVELS = ((1.8, 1), (1.4, 2), (HEADING, 3))
LONGEST_HEADING = 150
GAP = 0.75
"""Of a line's height: a larger gap parts paragraphs."""
EDGE_LINES = 2
REPEATED = 3
"""Lines at the edges of so many pages, and of a fiftieth of all, are running heads."""

_HYPHENS = ("-", "\u00ad", "\u2010")
_JOINT = re.compile("[\x02\ufffe]")
"""What pdfium leaves where it joined a word that was parted at the end of a line."""
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Line:
    """``height`` is that of its letters, in points."""

    text: str
    box: Box
    height: float


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together; ``level`` is 0 unless it is a heading."""

    text: str
    box: Box
    level: int = 0
    caption: bool = False
    height: float = 0.0


def read_lines(page: pypdfium2.PdfTextPage, most: int) -> list[Line]:
    """The lines of at most ``most`` characters, in the order in which the file draws them."""
    count = min(page.count_chars(), most)
    text = page.get_text_range(0, count) if count > 0 else ""
    lines = []
    start = 0
    for line in text.splitlines(keepends=True):
        offset = 0
        for piece in split_captions(line.rstrip("\r\n")):
            offset = line.find(piece, offset)
            found = _line(page, piece, start + offset, count)
            if found is not None:
                lines.append(found)
            offset += len(piece)
        start += len(line)
    return lines


def _line(page: pypdfium2.PdfTextPage, text: str, start: int, count: int) -> Line | None:
    shown = [place for place, letter in enumerate(text) if not letter.isspace()]
    if not shown:
        return None
    boxes = [page.get_charbox(min(start + place, count - 1), loose=True) for place in (shown[0], shown[-1])]
    box = spanned(boxes)
    return Line(_JOINT.sub("", text).strip(), box, max(1.0, boxes[0][3] - boxes[0][1]))


def spanned(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all of them."""
    left, bottom, right, top = zip(*boxes, strict=True)
    return (min(left), min(bottom), max(right), max(top))


def running_heads(pages: Sequence[Sequence[Line]]) -> frozenset[str]:
    """Lines at the edges of many pages, with numbers as ``#``."""
    seen: Counter[str] = Counter()
    for lines in pages:
        seen.update({_pattern(line.text) for line in (*lines[:EDGE_LINES], *lines[-EDGE_LINES:])})
    least = max(REPEATED, len(pages) // 50)
    return frozenset(pattern for pattern, times in seen.items() if times >= least)


def without(lines: Sequence[Line], heads: frozenset[str]) -> list[Line]:
    """The lines of a page but for its running heads."""
    inner = range(EDGE_LINES, len(lines) - EDGE_LINES)
    return [line for place, line in enumerate(lines) if place in inner or _pattern(line.text) not in heads]


def _pattern(text: str) -> str:
    return _DIGITS.sub("#", " ".join(text.split()))


def body_height(pages: Iterable[Sequence[Line]]) -> float:
    """The usual height of letters in a document, in points; 10 when there is no text."""
    heights = [line.height for lines in pages for line in lines for _ in range(1 + len(line.text) // 20)]
    return statistics.median_low(heights) if heights else 10.0


def paragraphs(lines: Sequence[Line], body: float) -> list[Paragraph]:
    """Lines joined where they run on."""
    groups: list[list[Line]] = []
    for line in lines:
        if groups and _runs_on(groups[-1][-1], line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_paragraph(group, body) for group in groups]


def _runs_on(above: Line, line: Line) -> bool:
    if is_caption(line.text) or not 0.8 < line.height / above.height < 1.25:
        return False
    overlap = min(above.box[2], line.box[2]) - max(above.box[0], line.box[0])
    gap = above.box[1] - line.box[3]
    return overlap > 0 and -line.height < gap < GAP * line.height and line.box[3] < above.box[3]


def _paragraph(lines: Sequence[Line], body: float) -> Paragraph:
    text = ""
    for line in lines:
        if text.endswith(_HYPHENS) and line.text[:1].islower():
            text = text[:-1] + line.text
        else:
            text = f"{text.rstrip(''.join(_HYPHENS[1:]))} {line.text}" if text else line.text
    height = max(line.height for line in lines)
    level = 0
    if len(text) <= LONGEST_HEADING and sum(letter.isalpha() for letter in text) > 2:
        level = next((level for ratio, level in LEVELS if height >= ratio * body), 0)
    caption = is_caption(text)
    return Paragraph(text, spanned([line.box for line in lines]), 0 if caption else level, caption, height)
