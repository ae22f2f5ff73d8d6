"""Bytes to text in whatever encoding they are."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_BEYOND = re.compile(rb"[\x80-\xff]")
_ALONE = re.compile(rb"(?<![\x80-\xff])[\xa1-\xff](?=[a-z\s.,;:!?]|$)")
_CONTROLS = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27})

LOOKED_AT = 65_536
"""Bytes from which an encoding is guessed."""


def looks_like_text(data: bytes) -> bool:
    """Whether the beginning holds no bytes that only binary files have."""
    start = data[:4096]
    if any(start.startswith(bom) for bom, _ in _BOMS):
        return True
    if b"\0" in start:  # UTF-16 without a mark: every other byte
        even, odd = start[::2].count(0), start[1::2].count(0)
        return len(start) >= 8 and min(even, odd) == 0 and max(even, odd) > 0.6 * len(start) / 2
    return sum(start.count(byte) for byte in _CONTROLS) <= len(start) / 100


def decode(data: bytes, *, declares: bool = False) -> str:
    """The text of ``data``, never an error: what cannot be decoded is replaced.

    A byte order mark counts first, then UTF-8, then with ``declares`` what an HTML or XML file says of
    itself, then what the bytes look like.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    try:
        text = data.decode("utf-8")
        if "\0" not in text:
            return text
    except UnicodeDecodeError:
        pass
    found = _DECLARED.search(data[:2048]) if declares else None
    declared = found.group(1).decode("ascii") if found else ""
    for encoding in (declared, "cp1252" if _western(data) else _guessed(data), "cp1252"):
        try:
            if encoding:
                return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


def _western(data: bytes) -> bool:
    """Whether letters beyond ASCII stand alone, as accents do: in short texts guessing goes wrong."""
    start = data[:LOOKED_AT]
    return b"\0" not in start and 2 * len(_ALONE.findall(start)) > len(_BEYOND.findall(start))


def _guessed(data: bytes) -> str:
    best = from_bytes(data[:LOOKED_AT]).best()
    return best.encoding if best is not None else ""
