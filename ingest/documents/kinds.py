"""Which kind of document some bytes are: by their content, and by name only where content cannot say."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath
from typing import Final

from ingest.documents.decoding import decode, looks_like_text
from ingest.documents.records import DocumentKind
from rag.errors import BadDocument

BY_ENDING: Final[dict[str, DocumentKind]] = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".csv": "csv",
    ".tsv": "csv",
    ".epub": "epub",
    ".eml": "mail",
}
BY_MEDIA_TYPE: Final[dict[str, DocumentKind]] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/plain": "text",
    "text/csv": "csv",
    "message/rfc822": "mail",
}
UNREADABLE: Final = {
    ".doc": "an old Word file: save it as .docx",
    ".xls": "an old Excel file: save it as .xlsx",
    ".ppt": "an old PowerPoint file: save it as .pptx",
    ".msg": "an Outlook message: save it as .eml",
    ".rtf": "a Rich Text file: save it as .docx",
    ".odt": "an OpenDocument file: save it as .docx or PDF",
    ".ods": "an OpenDocument file: save it as .xlsx or PDF",
    ".odp": "an OpenDocument file: save it as .pptx or PDF",
}
"""Kinds that cannot be read, and what helps."""

EXTENSIONS: Final = frozenset((*BY_ENDING, *UNREADABLE))
"""Endings, lower case with the dot, by which a file may be a document."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TEXTS: Final = ("html", "markdown", "text", "csv", "mail")
_MAIL = re.compile(
    rb"(?:From |(?:Received|Return-Path|MIME-Version|Delivered-To|Message-ID|X-[\w-]+): )", re.IGNORECASE
)
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.DOTALL)


def kind_of(data: bytes, name: str = "", media_type: str = "") -> DocumentKind | None:
    """The kind of document, or None when this is none that is known.

    Raises BadDocument for one of a kind that cannot be read, or that is encrypted as a whole.
    """
    ending = PurePath(name).suffix.lower()
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_OLE):
        raise BadDocument(_ole(data, ending))
    if data.startswith(b"PK\x03\x04"):
        return _zipped(data, ending)
    if data.startswith(b"{\\rtf"):
        raise BadDocument(UNREADABLE[".rtf"])
    named = BY_ENDING.get(ending) or BY_MEDIA_TYPE.get(media_type.partition(";")[0].strip().lower())
    if not looks_like_text(data):
        if named is not None and named not in _TEXTS:
            raise BadDocument(f"the file is broken: it has the name of a {named} file, but not its content")
        return None
    if _HTML.match(decode(data[:4096], declares=True)):
        return "html"
    if named in _TEXTS:
        return named
    if _MAIL.match(data):
        return "mail"
    if ending in BY_ENDING:
        raise BadDocument(f"the file is broken: it has the name of a {ending[1:]} file, but not its content")
    if ending in UNREADABLE:
        raise BadDocument(UNREADABLE[ending])
    return None


def _zipped(data: bytes, ending: str) -> DocumentKind | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            opened = archive.read("mimetype")[:100] if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError) as error:
        if ending in BY_ENDING:
            raise BadDocument(f"the file is broken: {error}") from None
        return None
    if b"epub" in opened or "META-INF/container.xml" in names:
        return "epub"
    if b"opendocument" in opened:
        raise BadDocument(UNREADABLE.get(ending, UNREADABLE[".odt"]))
    found: tuple[tuple[str, DocumentKind], ...] = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
    for folder, kind in found:
        if any(name.replace("\\", "/").startswith(folder) for name in names):
            return kind
    if ending in BY_ENDING:
        raise BadDocument(f"the file is broken: it has the name of a {ending[1:]} file, but not its content")
    return None


def _ole(data: bytes, ending: str) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data or "EncryptionInfo".encode("utf-16-le") in data:
        return "it is encrypted: save it without a password"
    return UNREADABLE.get(ending, "an old Office file: save it as .docx, .xlsx or .pptx")
