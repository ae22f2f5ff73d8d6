"""Markers in an answer, like [1] or [1, 2], held against the evidence that they point at."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Citation, Evidence

NO_CITATION = "the answer cites nothing"

_MARKER = re.compile(r"\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_NUMBER = re.compile(r"\d+")
_EMPTIED = "\0"
_GAP_BEFORE_PUNCTUATION = re.compile(rf"[ \t]*{_EMPTIED}[ \t]*(?=[.,;:!?)]|$)", re.MULTILINE)
_GAP = re.compile(rf"[ \t]*{_EMPTIED}[ \t]*")
_OPEN_END = re.compile(rf"(?:[ \t]*!?{_MARKER.pattern})*[ \t]*(?:<|!?(?:\[[\s\d,;]*)?)\Z")
"""Where the meaning of a text's end hangs on what follows: gaps, markers, what begins one or a picture."""
_LOADING = re.compile(r"!(?=\[)|<(?=[A-Za-z])")
"""What begins a picture in Markdown, and a tag in HTML: `<img src=…>`, or any with a background."""


class Checked:
    """A text as it comes, with only the markers that point at evidence.

    A marker that points at nothing is left out. What has passed never changes: what may still become part of
    a marker, or of the gap that one leaves, waits for what follows it.
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self._known = {str(piece.marker): piece for piece in evidence}
        self._cited: dict[str, Citation] = {}
        self._missing: dict[str, None] = {}
        self._waiting = ""

    def feed(self, text: str) -> str:
        """What of all the text up to here can be shown now, beyond what was shown before."""
        text = self._waiting + text.replace(_EMPTIED, "")
        settled = _OPEN_END.search(text)
        end = settled.start() if settled else len(text)
        self._waiting = text[end:]
        return self._tidied(text[:end])

    def end(self) -> str:
        """What still waited; nothing may be fed afterwards."""
        rest, self._waiting = self._waiting, ""
        return self._tidied(rest)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The evidence pointed at so far, in the order of the text."""
        return tuple(self._cited.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to tell of the text so far."""
        removed = (
            f"the answer cited [{n}], which is no evidence; the marker was removed" for n in self._missing
        )
        return (*removed, *(() if self._cited else (NO_CITATION,)))

    def _tidied(self, text: str) -> str:
        text = _GAP.sub(" ", _GAP_BEFORE_PUNCTUATION.sub("", _MARKER.sub(self._keep, text)))
        # A picture would be loaded by whoever shows it, and tell its address what it was told.
        return _LOADING.sub(lambda match: f"{match[0]} ", text)

    def _keep(self, match: re.Match[str]) -> str:
        numbers = [number.lstrip("0") or "0" for number in _NUMBER.findall(match[1])]
        self._missing.update((number, None) for number in numbers if number not in self._known)
        kept = [number for number in numbers if number in self._known]
        for number in kept:
            piece = self._known[number]
            self._cited.setdefault(number, Citation(piece.marker, piece.hit.item.id, piece.hit.item.source))
        if kept == numbers:
            return match[0]
        return f"[{', '.join(kept)}]" if kept else _EMPTIED


def without_markers(text: str) -> str:
    """The text of before, whose markers point at other evidence than that of now."""
    return check(text, ())[0]


def check(text: str, evidence: Sequence[Evidence]) -> tuple[str, tuple[Citation, ...], tuple[str, ...]]:
    """The text with only markers that point at evidence, its citations in order, and warnings.

    A marker that points at nothing is taken out and warned of. Text without markers is unchanged, but
    warned of. Checking the result again changes nothing.
    """
    checked = Checked(evidence)
    shown = checked.feed(text) + checked.end()
    return shown, checked.citations, checked.warnings
