"""EPUB books: the chapters in the order of reading, with their pictures."""

from __future__ import annotations

from functools import partial
from urllib.parse import unquote

from ingest.documents.blocks import Reading
from ingest.documents.containers import Container
from ingest.documents.decoding import decode
from ingest.documents.html import read_html
from ingest.documents.markup import attribute, find, find_all, local, parse_xml
from rag.errors import BadDocument

CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_ABOUT = {"creator": "author", "language": "language", "publisher": "publisher"}


def read_epub(data: bytes, reading: Reading) -> None:
    """Into ``reading``. Raises BadDocument and OverLimit."""
    container = Container(data, reading.limits.expanded)
    _refuse_protected(container)
    rootfile = find(parse_xml(container.read(CONTAINER), CONTAINER), "rootfile")
    package = unquote(attribute(rootfile, "full-path")) if rootfile is not None else ""
    root = parse_xml(container.read(package), package)
    for element in root.iter():
        if local(element) == "title":
            reading.named(element.text or "")
    reading.about({_ABOUT[local(e)]: e.text for e in root.iter() if local(e) in _ABOUT})
    files = {
        attribute(e, "id"): unquote(attribute(e, "href"))
        for e in find_all(root, "item")
        if attribute(e, "media-type") in _PAGES
    }
    reading.unit = "chapter"
    chapters = [files[i] for e in find_all(root, "itemref") if (i := attribute(e, "idref")) in files]
    for number, name in enumerate(chapters, start=1):
        if not reading.page(number):
            break
        page = container.find(name, package)
        if page is None:
            reading.note(f"chapter {number} is missing in the file")
            continue
        base = "/".join((*package.split("/")[:-1], name))
        beside = partial(container.find, base=base)
        read_html(decode(page, declares=True), reading, beside, page=number)


def _refuse_protected(container: Container) -> None:
    listed = container.find("META-INF/encryption.xml")
    if listed is None:
        return
    locked = [attribute(e, "URI") for e in find_all(parse_xml(listed, "encryption.xml"), "CipherReference")]
    if any(name.endswith(("html", "htm", "xml")) for name in locked):  # fonts alone are no hindrance
        raise BadDocument(
            "it is protected against copying: it can be read only by the program it was sold for"
        )
