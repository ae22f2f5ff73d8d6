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


def check(text: str, evidence: Sequence[Evidence]) -> tuple[str, tuple[Citation, ...], tuple[str, ...]]:
    """The text with only markers that point at evidence, its citations in order, and warnings.

    A marker that points at nothing is taken out and warned of. Text without markers is unchanged, but
    warned of. Checking the result again changes nothing.
    """
    known = {str(piece.marker): piece for piece in evidence}
    cited: dict[str, Citation] = {}
    missing: dict[str, None] = {}

    def keep(match: re.Match[str]) -> str:
        numbers = [number.lstrip("0") or "0" for number in _NUMBER.findall(match[1])]
        missing.update((number, None) for number in numbers if number not in known)
        kept = [number for number in numbers if number in known]
        for number in kept:
            piece = known[number]
            cited.setdefault(number, Citation(piece.marker, piece.hit.item.id, piece.hit.item.source))
        if kept == numbers:
            return match[0]
        return f"[{', '.join(kept)}]" if kept else _EMPTIED

    marked = _MARKER.sub(keep, text.replace(_EMPTIED, ""))
    tidy = _GAP.sub(" ", _GAP_BEFORE_PUNCTUATION.sub("", marked))
    warnings = [
        f"the answer cited [{number}], which is no evidence; the marker was removed" for number in missing
    ]
    if not cited:
        warnings.append(NO_CITATION)
    return tidy, tuple(cited.values()), tuple(warnings)
