"""HTML: headings, paragraphs, lists, tables, figures. Nothing is fetched and no script is looked at."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import lxml.html
from lxml import etree

from ingest.documents.blocks import Reading
from ingest.documents.markup import Element, local
from ingest.documents.pictures import embedded
from rag.errors import BadDocument

Find = Callable[[str], bytes | None]
"""The bytes that a local reference points at, or None."""

_SKIPPED_TEXT = "script style noscript template title iframe object svg math nav form button select"
_SKIPPED = frozenset(_SKIPPED_TEXT.split())
_BLOCK_TEXT = """
p div section article main header footer aside li ul ol dl dt dd blockquote pre address details summary h1 h2
h3 h4 h5 h6 table thead tbody tfoot tr caption figure figcaption hr body html center fieldset
"""
_BLOCKS = frozenset(_BLOCK_TEXT.split())
DATA_BYTES = 64 * 2**20
DEEPEST = 400
"""Elements within elements: deeper pages are not made by people."""


def nothing(_: str) -> bytes | None:
    """Finds no file."""
    return None


def read_html(text: str, reading: Reading, find: Find = nothing, *, page: int = 0) -> None:
    """Into ``reading``, as ``page`` where the document has several. Raises BadDocument."""
    parser = lxml.html.HTMLParser(no_network=True, huge_tree=False, encoding="utf-8")
    try:
        root = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser)
    except etree.ParserError:  # there is nothing in it
        return
    except (etree.XMLSyntaxError, ValueError, AssertionError) as error:
        raise BadDocument(f"the file is broken: {error}") from None
    title = next((e for e in root.iter("title")), None)
    if title is not None:
        reading.named(title.text_content())
    _Walk(reading, find, page).element(root, 0)


class _Walk:
    def __init__(self, reading: Reading, find: Find, page: int) -> None:
        self._reading = reading
        self._find = find
        self._page = page
        self._line: list[str] = []
        self._level = 0
        self._caption = False

    def element(self, element: Element, depth: int) -> None:
        name = local(element).lower()
        if not name or name in _SKIPPED or depth > DEEPEST or self._reading.full or _hidden(element):
            return
        if name == "img":
            self._picture(element)
        elif name == "tr":
            self._row(element, depth)
        elif name in _BLOCKS:
            self._end()
            self._level = int(name[1]) if re.fullmatch("h[1-6]", name) else 0
            self._caption = name in ("figcaption", "caption")
            self._inside(element, depth)
            self._end()
            self._level, self._caption = 0, False
        else:
            if name == "br":
                self._line.append(" ")
            self._inside(element, depth)

    def _inside(self, element: Element, depth: int) -> None:
        self._line.append(element.text or "")
        for child in element:
            self.element(child, depth + 1)
            self._line.append(child.tail or "")

    def _row(self, element: Element, depth: int) -> None:
        self._end()
        cells = []
        for cell in element:
            self._inside(cell, depth + 1)
            cells.append(" ".join("".join(self._line).split()))
            self._line = []
        self._reading.text(" | ".join(text for text in cells if text), page=self._page)

    def _end(self) -> None:
        text = "".join(self._line)
        self._line = []
        self._reading.text(text, page=self._page, level=self._level, caption=self._caption)

    def _picture(self, element: Element) -> None:
        source = str(element.get("src") or element.get("data-src") or "").strip()
        data = data_uri(source) if source.lower().startswith("data:") else self._local(source)
        if data is None:
            if source:
                self._reading.note("pictures that lie elsewhere were not fetched")
            return
        self._end()
        alt = str(element.get("alt") or element.get("title") or "")
        embedded(self._reading, data, page=self._page, alt=alt, caption=_figcaption(element))

    def _local(self, source: str) -> bytes | None:
        parts = urlsplit(source)
        if parts.scheme.lower() == "cid":
            return self._find(source)
        return None if parts.scheme or parts.netloc or not parts.path else self._find(unquote(parts.path))


def data_uri(source: str) -> bytes | None:
    """The bytes in a ``data:`` URI; None when it is none, or too long."""
    head, comma, body = source.partition(",")
    if not comma or len(body) > DATA_BYTES:
        return None
    raw = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith("base64"):
        return raw
    try:
        return base64.b64decode(raw, validate=False)
    except (binascii.Error, ValueError):
        return None


def _figcaption(element: Element) -> str:
    figure = next((above for above in element.iterancestors("figure")), None)
    caption = next(figure.iter("figcaption"), None) if figure is not None else None
    return "" if caption is None else "".join(str(text) for text in caption.itertext())


def _hidden(element: Element) -> bool:
    style = str(element.get("style") or "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style
