"""What a model says, without what it only thinks, while it is still speaking."""

from __future__ import annotations

import re
from typing import Final

from rag.types import NOT_FOUND

OPENING: Final = "<think>"
CLOSING: Final = "</think>"
THOUGHTS: Final = re.compile(rf"^\s*{OPENING}.*?(?:{CLOSING}|\Z)", re.DOTALL)
"""What stands before an answer that is whole already."""
SAID: Final = (
    (
        ("", "sorry, ", "sorry, but ", "i'm sorry, but ", "i am sorry, but ", "unfortunately, "),
        (NOT_FOUND.rstrip(".").casefold(),),
    ),
    (
        ("", "desculpe, ", "desculpe, mas ", "lamento, ", "lamento, mas ", "infelizmente, "),
        tuple(
            f"{this}não está nesta {collection}"
            for this in ("isto ", "isso ", "")
            for collection in ("coleção", "colecção")
        ),
    ),
)
"""Of each language what may come first, and the sentences that say that there is no answer."""
REFUSALS: Final = tuple(
    preface + sentence for prefaces, sentences in SAID for preface in prefaces for sentence in sentences
)
"""How an answer may begin that says that there is none."""


class Speech:
    """A text in pieces, without thoughts at its beginning and without space around it.

    One that begins by saying that there is no answer is handed on only when it is whole.
    """

    def __init__(self) -> None:
        self._waiting = ""
        self._thinking = False
        self._speaking = False

    def feed(self, text: str) -> str:
        """What of the text up to here is said for sure, beyond what was returned before."""
        self._waiting += text
        if not self._speaking and not self._begun(last=False):
            return ""
        return self._said(self._waiting.rstrip())

    def end(self) -> str:
        """What still waited; nothing may be fed afterwards."""
        if not self._speaking and not self._begun(last=True):
            return ""
        return self._said(self._waiting.rstrip())

    def _said(self, text: str) -> str:
        self._waiting = self._waiting[len(text) :]
        return text

    def _begun(self, *, last: bool) -> bool:
        """Whether what waits is the beginning of what is said; thoughts before it are dropped."""
        if self._thinking:
            _, closed, rest = self._waiting.partition(CLOSING)
            if not closed:
                return False
            self._waiting, self._thinking = rest, False
        self._waiting = self._waiting.lstrip()
        if self._waiting.startswith(OPENING):
            self._thinking = True
            return self._begun(last=last)
        if not self._waiting or (not last and OPENING.startswith(self._waiting)):
            return False
        self._speaking = last or not _may_decline(self._waiting.casefold())
        return self._speaking


def _may_decline(start: str) -> bool:
    return start.startswith(REFUSALS) or any(refusal.startswith(start) for refusal in REFUSALS)


def declines(text: str) -> bool:
    """Whether a text says, somewhere, that there is no answer."""
    return any(sentence in text.casefold() for _, sentences in SAID for sentence in sentences)


def only_declines(text: str) -> bool:
    """Whether it says that and nothing else."""
    return text.casefold().strip(" .!\n") in REFUSALS
