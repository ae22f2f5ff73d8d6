"""Which texts are captions, and of which figure."""

from __future__ import annotations

import re

_WORDS = (
    r"fig(?:ure|ura|uur|\.)?|abb(?:ildung|\.)?|bild|gr[áa]fico|gr[áa]fica|diagrama?|ilustra(?:ção|ción|cao|cion)"
    r"|imagem|imagen|foto|schaubild|illustration|chart|plate|picture|photo|exhibit|рис(?:унок|\.)?|図|图|圖|그림"
)
_NUMBER = r"(?:[A-Z]{1,2}[.\-–]?)?\d{1,4}(?:[.\-–]\d{1,4}){0,3}[a-z]?"
_HEAD = re.compile(rf"\s*(?:{_WORDS})\s*{_NUMBER}(?=\W)", re.IGNORECASE)
_STOP = re.compile(r"\s*[.:)|—–-]\s*\S")
_SECOND = re.compile(rf"\s+(?=(?:{_WORDS})\s*{_NUMBER}\s*[.:]\s+\S)", re.IGNORECASE)
_MENTION = re.compile(rf"\b(?:{_WORDS})\s*({_NUMBER})", re.IGNORECASE)

LONGEST = 600
"""Characters: a longer paragraph that begins like a caption speaks about the figure."""


def is_caption(text: str) -> bool:
    """Whether a paragraph is a caption: “Figure 3: …”, “Abb. 2.1 …”, “Figura 4 – …”.

    “Figure 3 shows …” is a sentence about the figure: without a stop after the number, the text has to
    begin with a capital letter.
    """
    head = _HEAD.match(text) if len(text) <= LONGEST else None
    if head is None:
        return False
    rest = text[head.end() :]
    return bool(_STOP.match(rest)) or (bool(rest.strip()) and not rest.lstrip()[0].islower())


def split_captions(line: str) -> list[str]:
    """A line of captions that stand side by side, one by one."""
    return _SECOND.split(line) if is_caption(line) else [line]


def number(caption: str) -> str:
    """The number of the figure, without the letter of a part; empty when there is none."""
    found = _MENTION.match(caption.strip())
    return _plain(found.group(1)) if found else ""


def mentions(text: str) -> set[str]:
    """The numbers of the figures that a text speaks of."""
    return {_plain(found) for found in _MENTION.findall(text)}


def _plain(found: str) -> str:
    return re.sub(r"[–]", "-", found).rstrip("abcdefghijklmnopqrstuvwxyz").rstrip(".-").lower()
