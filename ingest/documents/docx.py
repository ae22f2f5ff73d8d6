"""Word documents: paragraphs, headings by their styles, tables row by row, pictures where they stand."""

from __future__ import annotations

import re

from ingest.documents.blocks import Reading
from ingest.documents.containers import Container
from ingest.documents.markup import Element, attribute, find, find_all, local
from ingest.documents.office import Part, open_part, properties, take_drawn
from rag.errors import BadDocument

MAIN = re.compile(r"word/document\d*\.xml")
_LEVEL = re.compile(r"(?:heading|überschrift|título|titulo|titre|titolo|kop|rubrik)\s*(\d)", re.IGNORECASE)


def read_docx(data: bytes, reading: Reading) -> None:
    """Into ``reading``. Raises BadDocument and OverLimit."""
    container = Container(data, reading.limits.expanded)
    main = next((name for name in container.names if MAIN.fullmatch(name)), "")
    if not main:
        raise BadDocument("the file is broken: it holds no document")
    about = properties(container)
    reading.named(about.pop("title", ""))
    reading.about(about)
    part = open_part(container, main)
    styles = _styles(container)
    body = find(part.root, "body")
    for element in body if body is not None else ():
        _block(element, reading, container, part, styles)
    for name in container.names:
        if re.fullmatch(r"word/(?:footnotes|endnotes)\.xml", name):
            for note in find_all(open_part(container, name).root, "p"):
                reading.text(_words(note))


def _block(
    element: Element, reading: Reading, container: Container, part: Part, styles: dict[str, tuple[int, bool]]
) -> None:
    name = local(element)
    if reading.full:
        return
    if name == "p":
        style = find(element, "pStyle")
        level, caption = styles.get(attribute(style, "val") if style is not None else "", (0, False))
        drawings = [e for e in find_all(element, "drawing", "pict", "object") if not _nested(e)]
        reading.text(_words(element), level=level, caption=caption)
        for drawing in drawings:
            take_drawn(reading, container, part, drawing)
    elif name == "tbl":
        for row in find_all(element, "tr"):
            cells = [_words(cell) for cell in row if local(cell) == "tc"]
            reading.text(" | ".join(cell for cell in cells if cell))
        for drawing in find_all(element, "drawing", "pict"):
            take_drawn(reading, container, part, drawing)
    elif name in ("sdt", "sdtContent", "ins", "smartTag", "customXml"):
        for inner in element:
            _block(inner, reading, container, part, styles)


def _nested(drawing: Element) -> bool:
    """Whether this is the older form of a drawing that is there in the newer form too."""
    return any(local(above) == "Fallback" for above in drawing.iterancestors())


def _words(element: Element) -> str:
    """The text below, without what was deleted and without the older form of what is there twice."""
    parts: list[str] = []
    for found in element.iter():
        name = local(found)
        if name == "t" and found.text and not _nested(found):
            parts.append(found.text)
        elif name in ("tab", "br", "cr") or (name == "p" and parts):
            parts.append(" ")
    return "".join(parts)


def _styles(container: Container) -> dict[str, tuple[int, bool]]:
    """Heading level (0: none) and whether it is for captions, by the id of a style."""
    if "word/styles.xml" not in container.names:
        return {}
    found = {}
    for style in find_all(open_part(container, "word/styles.xml").root, "style"):
        name, outline = find(style, "name"), find(style, "outlineLvl")
        called = attribute(name, "val").lower() if name is not None else ""
        heading = _LEVEL.match(called)
        level = int(heading.group(1)) if heading else 0
        if not level and called == "title":
            level = 1
        if not level and outline is not None and attribute(outline, "val").isdigit():
            level = int(attribute(outline, "val")) + 1
        found[attribute(style, "styleId")] = (level if level <= 6 else 0, called == "caption")
    return found
