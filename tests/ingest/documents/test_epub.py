"""EPUB books."""

from __future__ import annotations

import pytest

from ingest.documents.parsing import parse
from rag.errors import BadDocument

from .conftest import png, zipped


def book(**more: str) -> bytes:
    package = (
        '<package xmlns:dc="urn:dc"><metadata><dc:title>Ports</dc:title>'
        "<dc:creator>Ana</dc:creator></metadata>"
        '<manifest><item id="b" href="text/b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="text/a%20a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="OEBPS/content.opf"/></container>',
            "OEBPS/content.opf": package,
            "OEBPS/text/a a.xhtml": "<html><h1>One</h1><p>first</p>"
            '<img src="../a.png" alt="a lighthouse"/></html>',
            "OEBPS/text/b.xhtml": "<html><p>second</p></html>",
            "OEBPS/a.png": png(),
            **more,
        }
    )


def test_chapters_come_in_the_order_of_reading() -> None:
    document = parse(book(), "b.epub")
    assert (document.title, document.metadata) == ("Ports", {"author": "Ana"})
    assert [(p.part, p.text) for p in document.passages] == [
        ("chapter-1/passage-1", "first"),
        ("chapter-2/passage-1", "second"),
    ]
    assert [(f.part, f.caption) for f in document.figures] == [("chapter-1/figure-1", "a lighthouse")]


def test_a_protected_book_is_said_to_be() -> None:
    locked = '<encryption><CipherReference URI="OEBPS/text/b.xhtml"/></encryption>'
    with pytest.raises(BadDocument, match="protected"):
        parse(book(**{"META-INF/encryption.xml": locked}), "b.epub")
    fonts = '<encryption><CipherReference URI="OEBPS/font.otf"/></encryption>'
    assert parse(book(**{"META-INF/encryption.xml": fonts}), "b.epub").passages
