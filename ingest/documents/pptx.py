"""PowerPoint files: slide by slide, the title as heading, then texts, tables, pictures and notes."""

from __future__ import annotations

from ingest.documents.blocks import Reading
from ingest.documents.containers import Container
from ingest.documents.markup import Element, attribute, find, find_all, local
from ingest.documents.office import Part, open_part, properties, relation_id, take_drawn

MAIN = "ppt/presentation.xml"


def read_pptx(data: bytes, reading: Reading) -> None:
    """Into ``reading``. Raises BadDocument and OverLimit."""
    container = Container(data, reading.limits.expanded)
    presentation = open_part(container, MAIN)
    about = properties(container)
    reading.named(about.pop("title", ""))
    reading.about(about)
    reading.unit = "slide"
    slides = [presentation.targets.get(relation_id(e), "") for e in find_all(presentation.root, "sldId")]
    for number, name in enumerate(slides, start=1):
        if not reading.page(number):
            break
        if name in container.names:
            _slide(reading, container, open_part(container, name), number)
        else:
            reading.note(f"slide {number} is missing in the file")


def _slide(reading: Reading, container: Container, part: Part, number: int) -> None:
    shapes = list(find_all(part.root, "sp", "pic", "graphicFrame"))
    title = next((shape for shape in shapes if _is_title(shape)), None)
    if title is not None:
        reading.text(" ".join(_paragraphs(title)), page=number, level=1)
    for shape in shapes:
        if shape is title:
            continue
        for paragraph in _paragraphs(shape):
            reading.text(paragraph, page=number)
        if local(shape) == "pic":
            take_drawn(reading, container, part, shape, number)
    for target in part.targets.values():
        if "/notesSlides/" in target and target in container.names:
            for shape in find_all(open_part(container, target).root, "sp"):
                if _placeholder(shape) == "body":
                    for paragraph in _paragraphs(shape):
                        reading.text(paragraph, page=number)


def _placeholder(shape: Element) -> str:
    found = find(shape, "ph")
    return "" if found is None else attribute(found, "type")


def _is_title(shape: Element) -> bool:
    return _placeholder(shape) in ("title", "ctrTitle") and bool(_paragraphs(shape))


def _paragraphs(shape: Element) -> list[str]:
    """Paragraphs, and tables row by row."""
    rows = list(find_all(shape, "tr"))
    if rows:
        cells = [[" ".join(_lines(cell)) for cell in row if local(cell) == "tc"] for row in rows]
        return [" | ".join(text for text in row if text) for row in cells]
    return _lines(shape)


def _lines(element: Element) -> list[str]:
    lines = ("".join(e.text or "" for e in find_all(p, "t")) for p in find_all(element, "p"))
    return [line for line in lines if line.strip()]
