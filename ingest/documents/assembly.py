"""From blocks in reading order to passages and figures that know each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ingest.documents.blocks import Block, Picture, Reading, Text
from ingest.documents.captions import is_caption, mentions, number
from ingest.documents.records import Document, DocumentKind, Figure, Passage
from ingest.documents.splitting import CONTEXT_CHARACTERS, split

LONGEST_TITLE = 300
MENTIONING = 2
"""So many passages that name a figure's number stand beside it, before its neighbours."""


@dataclass(slots=True)
class _Section:
    """Texts of one page under one heading, and the pictures among them."""

    page: int
    heading: tuple[str, ...]
    own: Text | None = None
    """The heading that it begins with."""
    texts: list[Text] = field(default_factory=list)
    pictures: list[tuple[int, Picture]] = field(default_factory=list)
    """With the number of texts before each."""


def assemble(reading: Reading, kind: DocumentKind) -> Document:
    """The document that a reader has read; parts are numbered within their page, so ids are stable."""
    title = reading.title[:LONGEST_TITLE]
    passages: list[Passage] = []
    placed: list[tuple[Picture, str, int]] = []
    names = _Names(reading.unit)
    for section in _sections(_captioned(reading.blocks)):
        context = _context((title, *section.heading))
        first = len(passages)
        passages += [
            Passage(
                text, names.next(section.page, "passage"), section.page, context, _box(section.texts, text)
            )
            for text in split("\n\n".join(text.text for text in section.texts))
        ]
        for before, picture in section.pictures:
            share = before / max(1, len(section.texts))
            placed.append((picture, context, first + round(share * (len(passages) - first))))
    mentioned = [mentions(passage.text) for passage in passages]
    figures = [
        Figure(
            data=picture.data,
            part=names.next(picture.page, "figure"),
            page=picture.page,
            caption=picture.caption or picture.alt,
            caption_origin=("figure-caption" if picture.caption else "alt-text" if picture.alt else ""),
            context=context,
            text=picture.text,
            near=_near(picture, place, passages, mentioned),
            whole_page=picture.whole_page,
            box=picture.box,
        )
        for picture, context, place in placed
    ]
    return Document(
        kind, title, tuple(passages), tuple(figures), reading.pages, reading.metadata, tuple(reading.notes)
    )


class _Names:
    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._last: dict[tuple[int, str], int] = {}

    def next(self, page: int, what: str) -> str:
        place = (page if self._unit else 0, what)
        self._last[place] = self._last.get(place, 0) + 1
        here = f"{what}-{self._last[place]}"
        return f"{self._unit}-{page}/{here}" if self._unit and page else here


def _captioned(blocks: Sequence[Block]) -> list[Block]:
    """Pictures with the caption that stands right after or right before them, unless they have one."""
    own = {block.caption for block in blocks if isinstance(block, Picture)}
    taken = {place for place, block in enumerate(blocks) if isinstance(block, Text) and block.text in own}
    out = list(blocks)
    for place, block in enumerate(blocks):
        if not isinstance(block, Picture) or block.caption or block.whole_page:
            continue
        for other in (place + 1, place + 2, place - 1):
            text = blocks[other] if 0 <= other < len(blocks) and other not in taken else None
            if isinstance(text, Text) and text.page == block.page and (text.caption or is_caption(text.text)):
                taken.add(other)
                out[place] = replace(block, caption=text.text)
                break
    return out


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    """A section ends at a heading and at the end of a page; the headings go on.

    A heading stands above its section; where nothing follows it, it is the text itself.
    """
    headings: list[Text] = []
    section = _Section(0, ())
    for block in blocks:
        heading = block if isinstance(block, Text) and block.level else None
        if heading is not None or block.page != section.page:
            yield _filled(section)
        if heading is not None:
            headings = [*(above for above in headings if above.level < heading.level), heading]
        if heading is not None or block.page != section.page:
            section = _Section(block.page, tuple(above.text for above in headings), heading)
        if isinstance(block, Picture):
            section.pictures.append((len(section.texts), block))
        elif heading is None:
            section.texts.append(block)
    yield _filled(section)


def _filled(section: _Section) -> _Section:
    if section.texts or section.own is None:
        return section
    return replace(section, texts=[section.own], heading=section.heading[:-1])


def _context(parts: Sequence[str]) -> str:
    """Title and headings in a line, each once; of many the title and the nearest."""
    said = list(dict.fromkeys(part for part in parts if part))
    if len(said) > 3:
        said = [said[0], *said[-2:]]
    share = CONTEXT_CHARACTERS // max(1, len(said))
    return " › ".join(part if len(part) <= share else part[: share - 1].rstrip() + "…" for part in said)


def _box(texts: Sequence[Text], passage: str) -> tuple[float, float, float, float] | None:
    """What the boxes of the paragraphs in a passage span."""
    boxes = [text.box for text in texts if text.box is not None and text.text[:40] in passage]
    if not boxes:
        return None
    left, bottom, right, top = zip(*boxes, strict=True)
    return (min(left), min(bottom), max(right), max(top))


def _near(
    picture: Picture, place: int, passages: Sequence[Passage], mentioned: Sequence[set[str]]
) -> tuple[Passage, ...]:
    """Passages that name the figure, then the one before it and the one after it on its page."""
    wanted = number(picture.caption)
    naming = [
        passage for passage, found in zip(passages, mentioned, strict=True) if wanted and wanted in found
    ]
    beside = [
        passages[there]
        for there in (place - 1, place)
        if 0 <= there < len(passages) and passages[there].page == picture.page
    ]
    return tuple(dict.fromkeys((*naming[:MENTIONING], *beside)))
