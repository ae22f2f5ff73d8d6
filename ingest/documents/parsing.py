"""A document's bytes to its passages and figures. Runs in a child process: see ``ingest.sandbox``."""

from __future__ import annotations

import os
from pathlib import PurePath

from ingest.documents.assembly import assemble
from ingest.documents.blocks import Reading
from ingest.documents.decoding import decode
from ingest.documents.docx import read_docx
from ingest.documents.epub import read_epub
from ingest.documents.html import Find, nothing, read_html
from ingest.documents.kinds import kind_of
from ingest.documents.mail import read_mail
from ingest.documents.pdf import read_pdf
from ingest.documents.plain import read_csv, read_markdown, read_text
from ingest.documents.pptx import read_pptx
from ingest.documents.records import Document, DocumentKind, Limits
from ingest.documents.xlsx import read_xlsx
from rag.errors import BadDocument, OlharError

BESIDE_BYTES = 64 * 2**20
"""Largest picture file that is read from beside a document."""


def parse(
    data: bytes,
    name: str = "",
    media_type: str = "",
    folder: str | None = None,
    limits: Limits | None = None,
) -> Document:
    """What is in a document. ``name`` (a file's) and ``media_type`` help where the content does not say.

    HTML and Markdown may show pictures that lie in ``folder`` or below it; nothing is fetched, and nothing
    outside is read. Raises BadDocument when it is no document, or one that is encrypted, broken, empty or of
    a kind that cannot be read, and OverLimit when it unpacks to too much.
    """
    if not data:
        raise BadDocument("the file is empty")
    kind = kind_of(data, name, media_type)
    if kind is None:
        raise BadDocument("not a document of a known kind")
    reading = Reading(limits or Limits())
    try:
        _read(kind, data, reading, _beside(folder))
    except (OlharError, MemoryError):
        raise
    except RecursionError:
        raise BadDocument("the file is broken: it is nested too deeply") from None
    except Exception as error:  # parsers raise nearly everything on hostile files
        raise BadDocument(f"the file is broken: {type(error).__name__}: {error}") from error
    reading.named(PurePath(name).stem)
    document = assemble(reading, kind)
    if not document.passages and not document.figures:
        said = f" ({'; '.join(document.notes)})" if document.notes else ""
        raise BadDocument(f"there is neither text nor a picture in it{said}")
    return document


def _read(kind: DocumentKind, data: bytes, reading: Reading, find: Find) -> None:
    match kind:
        case "pdf":
            read_pdf(data, reading)
        case "docx":
            read_docx(data, reading)
        case "pptx":
            read_pptx(data, reading)
        case "xlsx":
            read_xlsx(data, reading)
        case "epub":
            read_epub(data, reading)
        case "mail":
            read_mail(data, reading)
        case "html":
            read_html(decode(data, declares=True), reading, find)
        case "markdown":
            read_markdown(decode(data), reading, find)
        case "csv":
            read_csv(decode(data), reading)
        case "text":
            read_text(decode(data), reading)


def _beside(folder: str | None) -> Find:
    """Reads pictures in a folder, and never by a way that leads out of it."""
    if folder is None:
        return nothing
    root = os.path.realpath(folder)

    def find(reference: str) -> bytes | None:
        path = os.path.realpath(os.path.join(root, reference))
        if os.path.commonpath((root, path)) != root or not os.path.isfile(path):
            return None
        if os.path.getsize(path) > BESIDE_BYTES:
            return None
        with open(path, "rb") as file:
            return file.read(BESIDE_BYTES)

    return find
