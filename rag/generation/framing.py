"""Strangers' texts made fit for a prompt: what stands in them cannot leave the place that they are put in.

A caption, a line read in a picture or a passage may say anything: “ignore what was said before”, a closing
delimiter, a number of its own, the control tokens of a chat form. Nothing of that may be told from the
program's own words, so each text is one line without brackets, angle brackets and characters that nobody
sees. What it says stays readable, as data.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from rag.types import MAX_EVIDENCE

LONG_WORD = 40
MARK = "…"
"""Stands where a text was cut."""

_ANGLES = {"<": "‹", "＜": "‹", "﹤": "‹", ">": "›", "＞": "›", "﹥": "›"}
_PUNCTUATION = (0x5B, 0x5D, *range(0x2045, 0x2047), *range(0x2300, 0x3100), *range(0xFE00, 0xFFFF))
_QUOTES = frozenset("〝〞〟「」『』｢｣⹂")
_UNSEEN = frozenset({"Cf", "Cc", "Co", "Cs"})
_FILLERS = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers, as the two below
        (0x17B4, 0x17B5),  # Khmer vowels that are never shown
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2065, 0x2065),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),  # variation selectors: of 256 one carries a byte that nobody sees
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFF8),
        (0xE0000, 0xE0FFF),  # tags and more variation selectors
    )
    for code in range(first, last + 1)
)
"""Letters, marks and unassigned characters shown as nothing (Unicode: Default_Ignorable_Code_Point)."""
_BLANKS = {0x2800: " "}
"""The empty pattern of Braille."""
_EMOJI = re.compile(
    "(?<=[\u00a9\u00ae\u203c\u2049\u2100-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff])\ufe0f"
    "|(?<=[0-9#*])\ufe0f(?=\u20e3)"
)
"""The selector that has a sign shown as an emoji, once behind one."""
_HEADING = re.compile(r"(?<!\S)(?:##+|#(?=\s))")
_PICTURE = re.compile(r"!(?=\()")
_KEPT_JOINERS = re.compile(r"(?<=[\u0600-\u06ff\u0900-\u0dff])[\u200c\u200d](?=[\u0600-\u06ff\u0900-\u0dff])")
"""Joiners that Arabic, Persian and Indian scripts need to be read."""


def _brackets() -> Mapping[int, str]:
    """Square and other brackets of all scripts as round ones, so that no number looks like a marker."""
    signs = {"Ps": "(", "Pe": ")"}
    found = {
        code: signs[unicodedata.category(chr(code))]
        for code in _PUNCTUATION
        if unicodedata.category(chr(code)) in signs and chr(code) not in _QUOTES
    }
    return found | {ord(char): sign for char, sign in _ANGLES.items()}


_TABLE = _brackets()


def framed(text: str, limit: int = MAX_EVIDENCE) -> str:
    """The text fit for a prompt: one line without markers or delimiters, at most ``limit`` characters."""
    line = " ".join(_seen(" ".join(text.split())).split()).translate(_TABLE)
    return cut(_PICTURE.sub("", _HEADING.sub("", line)).strip(), limit)


def cut(text: str, limit: int) -> str:
    """The text; a longer one up to the last whole word that fits, and MARK behind it."""
    if len(text) <= limit:
        return text
    kept = text[: max(limit - 1, 0)]
    whole = kept if text[len(kept)].isspace() else kept[: kept.rfind(" ") + 1]
    # What has no spaces for long, an address or Chinese, is cut where it has to be.
    return ((whole if whole and len(kept) - len(whole) < LONG_WORD else kept).rstrip() + MARK)[:limit]


def _seen(text: str) -> str:
    """Without what nobody sees: zero-width, direction and control characters, fillers, selectors, tags."""
    if text.isascii() and text.isprintable():
        return text
    kept = {match.start() for form in (_KEPT_JOINERS, _EMOJI) for match in form.finditer(text)}
    return "".join(
        char
        for place, char in enumerate(text.translate(_BLANKS))
        if place in kept or not (unicodedata.category(char) in _UNSEEN or char in _FILLERS)
    )
