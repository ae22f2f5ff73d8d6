"""What a document is, is seen from its content."""

from __future__ import annotations

import pytest

from ingest.documents.kinds import EXTENSIONS, UNREADABLE, kind_of
from rag.errors import BadDocument

from .conftest import docx, pdf, png, zipped


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (pdf(["", ""]), "report.jpg", "pdf"),
        (docx(""), "", "docx"),
        (zipped({"ppt/presentation.xml": ""}), "x.zip", "pptx"),
        (zipped({"xl/workbook.xml": ""}), "", "xlsx"),
        (zipped({"META-INF/container.xml": ""}), "", "epub"),
        (b"<!DOCTYPE html><p>a", "page.txt", "html"),
        ("<!doctype HTML><p>a".encode("utf-16"), "", "html"),
        (b"Received: from a\nSubject: b\n\nc", "", "mail"),
        (b"# a", "a.md", "markdown"),
        (b"a,b", "a.CSV", "csv"),
        ("maçã".encode("latin-1"), "a.txt", "text"),
        (b"plain", "upload", None),
        (png(), "picture.txt", None),
        (zipped({"a.jpg": png()}), "a.zip", None),
        (b"PK\x03\x04 nothing", "a.zip", None),
    ],
)
def test_content_counts_before_the_name(data: bytes, name: str, kind: str | None) -> None:
    assert kind_of(data, name) == kind


def test_a_media_type_helps_where_there_is_no_name() -> None:
    assert kind_of(b"a", "", "text/plain; charset=utf-8") == "text"


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", "encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc", "save it as .docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a", "old Office"),
        (b"{\\rtf1", "a.rtf", "save it as .docx"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a.odt", "OpenDocument"),
        (b"\0\1\2" * 50, "a.pdf", "not its content"),
        (b"words", "a.docx", "not its content"),
        (b"PK\x03\x04 nothing", "a.xlsx", "broken"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(data: bytes, name: str, said: str) -> None:
    with pytest.raises(BadDocument, match=said):
        kind_of(data, name)


def test_endings_of_what_cannot_be_read_are_known_so_that_the_reason_is_said() -> None:
    assert set(UNREADABLE) < EXTENSIONS
