"""E-mails: subject, sender, the text, and the pictures that came with it."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage, Message

from ingest.documents.blocks import Reading
from ingest.documents.decoding import decode
from ingest.documents.html import read_html
from ingest.documents.pictures import embedded
from ingest.documents.plain import read_text
from rag.errors import BadDocument

PARTS = 500


def read_mail(data: bytes, reading: Reading) -> None:
    """Into ``reading``; a text is preferred to the same in HTML. Raises BadDocument."""
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        parts = list(message.walk())[:PARTS]
    except Exception as error:  # the standard library raises nearly anything on broken headers
        raise BadDocument(f"the e-mail is broken: {error}") from None
    reading.named(_header(message, "subject"))
    reading.about({name: _header(message, name) for name in ("from", "to", "cc", "date")})
    for name in ("from", "to", "date"):
        if reading.metadata.get(name):
            reading.text(f"{name.capitalize()}: {reading.metadata[name]}")
    plain = [part for part in parts if part.get_content_type() == "text/plain" and not _attached(part)]
    pages = [part for part in parts if part.get_content_type() == "text/html" and not _attached(part)]
    shown = {f"cid:{name.strip('<> ')}": part for part in parts if (name := _header(part, "content-id"))}
    used: list[Message] = []

    def find(reference: str) -> bytes | None:
        part = shown.get(reference)
        if part is None:
            return None
        used.append(part)
        return _payload(part)

    if any(_payload(part).strip() for part in plain):
        for part in plain:
            read_text(_text(part), reading)
    else:
        for part in pages:
            read_html(_text(part), reading, find)
    for part in parts:
        if part.get_content_maintype() == "image" and part not in used:
            _picture(reading, part)
    for part in parts:
        if _attached(part) and part.get_content_maintype() not in ("image", "multipart", "message"):
            reading.note(f"the attachment {part.get_filename() or part.get_content_type()} was not read")


def _picture(reading: Reading, part: Message) -> None:
    embedded(reading, _payload(part), alt=str(part.get_filename() or ""))


def _attached(part: Message) -> bool:
    return isinstance(part, EmailMessage) and part.is_attachment()


def _payload(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except Exception:  # as above; what cannot be decoded is not there
        return b""
    return data if isinstance(data, bytes) else b""


def _text(part: Message) -> str:
    data = _payload(part)
    try:
        return data.decode(part.get_content_charset() or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return decode(data, declares=True)


def _header(part: Message, name: str) -> str:
    try:
        return " ".join(str(part[name] or "").split())
    except Exception:  # as above
        return ""
