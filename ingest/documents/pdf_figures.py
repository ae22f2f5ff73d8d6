"""Figures on a PDF page: where images and drawings lie close together, with the caption that is theirs.

A figure is cut out of the rendered page and not out of the file: what it shows may be several images, masks,
lines and letters on top of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ingest.documents.captions import is_caption
from ingest.documents.pdf_text import Line, Paragraph, spanned
from ingest.documents.pictures import worth_finding
from ingest.documents.records import Box
from rag.images import compressed
from rag.types import Pixels

CELL: Final = 6.0
"""Points: what is closer than about twice this is one figure."""
OBJECTS: Final = 20_000
SIDE: Final = 40.0
AREA: Final = 70.0 * 60.0
"""Points: smaller ones are ornaments."""
BACKGROUND: Final = 0.85
"""Of the page: what covers more lies under everything."""
RULE: Final = 3.0
DRAWN: Final = 6
"""A drawing without a caption has at least so many strokes…"""
LETTERS: Final = 200
"""…and less text than this in it; otherwise it is a table or a frame around text."""
CAPTION_GAP: Final = 70.0
ASIDE: Final = 30.0
"""Points that a caption seems farther away when it stands to the side."""
LABEL: Final = 30
"""A shorter line beside a figure is its label."""
LABEL_GAP: Final = 14.0
LABEL_REACH: Final = 40.0
"""Points that labels may add on each side."""
MARGIN: Final = 4.0
LONG_SIDE: Final = 1400
"""Pixels of a rendered figure or page."""
RESOLUTION: Final = 200 / 72
"""Pixels a point, at most."""


@dataclass(frozen=True, slots=True)
class Region:
    """A figure's place in points, and the place of its caption among the paragraphs; -1: it has none."""

    box: Box
    caption: int = -1


@dataclass(frozen=True, slots=True)
class Drawn:
    """Something on a page that is no text."""

    box: Box
    image: bool


def drawn_on(page: pypdfium2.PdfPage) -> list[Drawn]:
    """Images, paths and the like; forms count as one thing each. Those outside the page are left out."""
    left, bottom, right, top = page.get_bbox()
    found = []
    for place, thing in enumerate(page.get_objects(max_depth=1)):
        if place == OBJECTS:
            break
        if thing.type == pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        try:
            x0, y0, x1, y1 = thing.get_bounds()
        except pypdfium2.PdfiumError:
            continue
        box = (max(x0, left), max(y0, bottom), min(x1, right), min(y1, top))
        if box[0] <= box[2] and box[1] <= box[3] and all(np.isfinite(box)):
            found.append(Drawn(box, thing.type in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM)))
    return found


def covered(things: Sequence[Drawn], page: Box) -> float:
    """The share of the page that images cover, in [0, 1]."""
    grid = _Grid(page)
    for thing in things:
        if thing.image:
            grid.mark(thing.box)
    return float(grid.cells.mean())


def regions(
    things: Sequence[Drawn],
    page: Box,
    paragraphs: Sequence[Paragraph],
    lines: Sequence[Line],
) -> list[Region]:
    """The figures of a page, from top to bottom. Parts that share a caption are one."""
    whole = _area(page)
    kept = [t for t in things if _area(t.box) < BACKGROUND * whole and not _is_rule(t.box, page)]
    grid = _Grid(page)
    for thing in kept:
        grid.mark(thing.box)
    clusters = [
        [thing for thing in kept if grid.holds(component, thing.box)] for component in grid.components()
    ]
    parts = [part for cluster in clusters if cluster for part in _columns(cluster, paragraphs)]
    boxes = [(spanned([t.box for t in part]), part) for part in parts]
    by_caption: dict[int, list[tuple[Box, list[Drawn]]]] = {}
    alone = []
    for box, cluster in boxes:
        caption = _caption_of(box, paragraphs)
        if caption >= 0 and (_area(box) > AREA / 8):
            by_caption.setdefault(caption, []).append((box, cluster))
        elif _worth(box) and _pictures_something(box, cluster, lines):
            alone.append(Region(_labelled(box, lines, page)))
    for caption, owned in by_caption.items():
        box = spanned([box for box, _ in owned])
        if _worth(box):
            alone.append(Region(_labelled(box, lines, page), caption))
    return sorted(alone, key=lambda region: (-region.box[3], region.box[0]))


def render(page: pypdfium2.PdfPage, box: Box | None = None) -> Pixels:
    """The page, or what lies in ``box``, at up to 200 dots an inch."""
    left, bottom, right, top = page.get_bbox()
    crop = (0.0, 0.0, 0.0, 0.0)
    width, height = page.get_size()
    if box is not None:
        crop = (
            max(0.0, box[0] - left - MARGIN),
            max(0.0, box[1] - bottom - MARGIN),
            max(0.0, right - box[2] - MARGIN),
            max(0.0, top - box[3] - MARGIN),
        )
        width, height = width - crop[0] - crop[2], height - crop[1] - crop[3]
    scale = min(RESOLUTION, LONG_SIDE / max(width, height, 1.0))
    bitmap = page.render(scale=scale, crop=crop, rev_byteorder=True, prefer_bgrx=False)
    try:
        pixels = np.array(bitmap.to_numpy())
    finally:
        bitmap.close()
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return np.ascontiguousarray(pixels[:, :, :3] if pixels.shape[2] >= 3 else np.repeat(pixels, 3, 2))


def picture_of(page: pypdfium2.PdfPage, box: Box | None = None) -> bytes | None:
    """As ``render``, as PNG or JPEG; None when there is nothing but one colour to be seen."""
    pixels = render(page, box)
    return None if int(pixels.max()) - int(pixels.min()) < 16 else compressed(pixels)


class _Grid:
    """The page in cells, marked where something lies."""

    def __init__(self, page: Box) -> None:
        self._left, self._bottom = page[0], page[1]
        columns = min(1000, int((page[2] - page[0]) / CELL) + 1)
        rows = min(1000, int((page[3] - page[1]) / CELL) + 1)
        self._across = max(CELL, (page[2] - page[0]) / columns)
        self._up = max(CELL, (page[3] - page[1]) / rows)
        self.cells: NDArray[np.bool_] = np.zeros((rows, columns), dtype=bool)

    def mark(self, box: Box) -> None:
        rows, columns = self._places(box)
        self.cells[rows, columns] = True

    def components(self) -> list[NDArray[np.bool_]]:
        """Cells that touch each other, also at a corner or over a gap of one cell."""
        left = self.cells.copy()
        found = []
        while left.any():
            row, column = np.unravel_index(int(left.argmax()), left.shape)
            component = np.zeros_like(left)
            component[row, column] = True
            while True:
                grown = _grown(component) & self.cells
                if (grown == component).all():
                    break
                component = grown
            left &= ~component
            found.append(component)
        return found

    def holds(self, component: NDArray[np.bool_], box: Box) -> bool:
        rows, columns = self._places(box)
        return bool(component[rows, columns].any())

    def _places(self, box: Box) -> tuple[slice, slice]:
        rows, columns = self.cells.shape
        first = min(columns - 1, max(0, int((box[0] - self._left) / self._across)))
        last = min(columns - 1, max(first, int((box[2] - self._left) / self._across)))
        low = min(rows - 1, max(0, int((box[1] - self._bottom) / self._up)))
        high = min(rows - 1, max(low, int((box[3] - self._bottom) / self._up)))
        return slice(low, high + 1), slice(first, last + 1)


def _grown(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With all cells within two of a marked one."""
    for axis in (0, 1):
        wide = cells.copy()
        for step in (1, 2):
            ahead, back = np.roll(cells, step, axis), np.roll(cells, -step, axis)
            edge: list[slice] = [slice(None), slice(None)]
            edge[axis] = slice(0, step)
            ahead[tuple(edge)] = False
            edge[axis] = slice(-step, None)
            back[tuple(edge)] = False
            wide |= ahead | back
        cells = wide
    return cells


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _worth(box: Box) -> bool:
    return worth_finding(box[2] - box[0], box[3] - box[1], SIDE, AREA)


def _is_rule(box: Box, page: Box) -> bool:
    """A long thin line, as under a page's head or between the rows of a table."""
    width, height = box[2] - box[0], box[3] - box[1]
    return (height < RULE and width > 0.4 * (page[2] - page[0])) or (
        width < RULE and height > 0.4 * (page[3] - page[1])
    )


def _pictures_something(box: Box, cluster: Sequence[Drawn], lines: Sequence[Line]) -> bool:
    """Whether what has no caption is a figure, and not a table, a frame or underlined text."""
    if any(thing.image for thing in cluster):
        return True
    letters = sum(len(line.text) for line in lines if _overlaps(line.box, box))
    return len(cluster) >= DRAWN and letters < LETTERS


def _overlaps(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _columns(cluster: Sequence[Drawn], paragraphs: Sequence[Paragraph]) -> list[list[Drawn]]:
    """Figures that touch, since parts of them reach beyond their frames, by their captions side by side."""
    box = spanned([thing.box for thing in cluster])
    below = [
        paragraph.box[0]
        for paragraph in paragraphs
        if paragraph.caption
        and paragraph.box[0] < box[2]
        and paragraph.box[2] > box[0]
        and -CELL < box[1] - paragraph.box[3] < CAPTION_GAP / 2
    ]
    starts = sorted(below)[1:]
    columns: list[list[Drawn]] = [[] for _ in range(len(starts) + 1)]
    for thing in cluster:
        middle = (thing.box[0] + thing.box[2]) / 2
        columns[sum(middle > start - CELL for start in starts)].append(thing)
    return [column for column in columns if column]


def _caption_of(box: Box, paragraphs: Sequence[Paragraph]) -> int:
    """The nearest caption below or above; one below is preferred, as that is the custom. -1: none."""
    best, least = -1, CAPTION_GAP
    for place, paragraph in enumerate(paragraphs):
        own = paragraph.box
        shared = min(box[2], own[2]) - max(box[0], own[0])
        if not paragraph.caption or shared <= 0:
            continue
        below, above = box[1] - own[3], own[1] - box[3]
        gap = below if below > -20 else above * 1.5 + 10 if above > -20 else CAPTION_GAP
        gap += ASIDE * (1 - shared / max(1.0, min(own[2] - own[0], box[2] - box[0])))
        if gap < least:
            best, least = place, gap
    return best


def _labelled(box: Box, lines: Sequence[Line], page: Box) -> Box:
    """The box with the short lines beside it: the names of axes and the like."""
    near = _widened(box, LABEL_GAP)
    beside = [
        line.box
        for line in lines
        if len(line.text) < LABEL and _overlaps(line.box, near) and not is_caption(line.text)
    ]
    left, bottom, right, top = spanned([box, *beside])
    least = _widened(box, LABEL_REACH)
    return (
        max(left, least[0], page[0]),
        max(bottom, least[1], page[1]),
        min(right, least[2], page[2]),
        min(top, least[3], page[3]),
    )


def _widened(box: Box, by: float) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)
