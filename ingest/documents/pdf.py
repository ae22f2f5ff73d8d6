"""PDF files: text with its place, figures with their captions, and pages that are mostly picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pypdfium2

from ingest.documents.blocks import Picture, Reading
from ingest.documents.captions import is_caption
from ingest.documents.pdf_figures import Region, covered, drawn_on, picture_of, regions
from ingest.documents.pdf_text import (
    Line,
    Paragraph,
    body_height,
    paragraphs,
    read_lines,
    running_heads,
    without,
)
from rag.errors import BadDocument

MOSTLY = 0.5
"""A page of which images cover this share, or that has no text, is kept as a picture…"""
TALKATIVE = 800
"""…unless it has so many letters: then the image lies behind them."""
FIGURES_A_PAGE = 20


def read_pdf(data: bytes, reading: Reading) -> None:
    """Into ``reading``. Raises BadDocument for what is encrypted, broken or without pages."""
    with _opened(data) as document:
        if not len(document):
            raise BadDocument("it has no pages")
        _properties(document, reading)
        reading.unit = "page"
        count = len(document)
        lines: list[list[Line]] = []
        for number in range(1, count + 1):
            if not reading.page(number):
                break
            lines.append(_lines(document, number, reading))
        heads = running_heads(lines) if len(lines) > 3 else frozenset()
        body = body_height(lines)
        for number, own in enumerate(lines, start=1):
            texts = paragraphs(without(own, heads), body)
            if number == 1:
                reading.named(_title(texts))
            _page(document, number, texts, without(own, heads), reading)
        if count > len(lines):
            reading.note(f"it has {count:,} pages")


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        said = str(error).lower()
        if "password" in said or "security" in said:
            raise BadDocument("it is encrypted: save it without a password") from None
        raise BadDocument("the file is broken: it cannot be opened as a PDF") from error
    try:
        yield document
    finally:
        document.close()


def _properties(document: pypdfium2.PdfDocument, reading: Reading) -> None:
    with contextlib.suppress(pypdfium2.PdfiumError, UnicodeDecodeError):
        about = {key.lower(): value for key, value in document.get_metadata_dict(skip_empty=True).items()}
        title = " ".join(about.get("title", "").split())
        if not title.lower().endswith((".doc", ".docx", ".pdf", ".tex", ".indd")) and len(title) > 2:
            reading.named(title)
        reading.about({key: about.get(key) for key in ("author", "subject", "keywords")})


def _lines(document: pypdfium2.PdfDocument, number: int, reading: Reading) -> list[Line]:
    try:
        page = document[number - 1]
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        return []
    try:
        return read_lines(text, reading.limits.characters)
    except pypdfium2.PdfiumError as error:
        reading.note(f"page {number}: its text could not be read: {error}")
        return []
    finally:
        text.close()
        page.close()


def _page(
    document: pypdfium2.PdfDocument,
    number: int,
    texts: Sequence[Paragraph],
    lines: Sequence[Line],
    reading: Reading,
) -> None:
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError:
        reading.note(f"page {number} is broken and was left out")
        return
    figures: list[tuple[Region, bytes, str]] = []
    try:
        if reading.figures < reading.limits.figures:
            whole, found = _figures(page, texts, lines)
            if whole is not None:
                words = "\n".join(paragraph.text for paragraph in texts)
                reading.picture(Picture(whole, number, text=words, whole_page=True))
            figures = [(region, data, _words_in(region, lines)) for region, data in found]
    except (pypdfium2.PdfiumError, ValueError) as error:
        reading.note(f"page {number}: its pictures could not be read: {error}")
    finally:
        page.close()
    _blocks(number, texts, figures, reading)


def _figures(
    page: pypdfium2.PdfPage, texts: Sequence[Paragraph], lines: Sequence[Line]
) -> tuple[bytes | None, list[tuple[Region, bytes]]]:
    """The page itself when it is mostly picture; otherwise its figures."""
    things = drawn_on(page)
    box = page.get_bbox()
    letters = sum(len(paragraph.text) for paragraph in texts)
    share = covered(things, box)
    if things and (letters == 0 or (share > MOSTLY and letters < TALKATIVE)):
        return picture_of(page), []
    if page.get_rotation():  # places are those of the page before it was turned
        return (picture_of(page) if share > MOSTLY / 2 else None), []
    found = regions(things, box, texts, lines)[:FIGURES_A_PAGE]
    cut = [(region, picture_of(page, region.box)) for region in found]
    return None, [(region, data) for region, data in cut if data is not None]


def _words_in(region: Region, lines: Sequence[Line]) -> str:
    left, bottom, right, top = region.box
    return "\n".join(
        line.text
        for line in lines
        if not is_caption(line.text)
        and left <= (line.box[0] + line.box[2]) / 2 <= right
        and bottom <= (line.box[1] + line.box[3]) / 2 <= top
    )


def _blocks(
    number: int,
    texts: Sequence[Paragraph],
    figures: Sequence[tuple[Region, bytes, str]],
    reading: Reading,
) -> None:
    """Paragraphs in order; a figure stands before its caption, else where its place on the page is."""
    waiting = list(figures)
    for place, paragraph in enumerate(texts):
        for figure in list(waiting):
            region = figure[0]
            if region.caption == place or (region.caption < 0 and region.box[1] >= paragraph.box[3]):
                waiting.remove(figure)
                _take(number, figure, texts, reading)
        reading.text(
            paragraph.text, page=number, level=paragraph.level, box=paragraph.box, caption=paragraph.caption
        )
    for figure in waiting:
        _take(number, figure, texts, reading)


def _take(
    number: int, figure: tuple[Region, bytes, str], texts: Sequence[Paragraph], reading: Reading
) -> None:
    region, data, words = figure
    caption = texts[region.caption].text if region.caption >= 0 else ""
    reading.picture(Picture(data, number, caption=caption, text=words, box=region.box))


def _title(texts: Sequence[Paragraph]) -> str:
    """The heading in the largest letters."""
    headings = [paragraph for paragraph in texts if paragraph.level]
    return max(headings, key=lambda heading: heading.height).text if headings else ""
