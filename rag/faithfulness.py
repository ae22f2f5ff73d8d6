"""Does the evidence that a sentence cites say what the sentence says?

By words (``rag.wording``): that sees other things, colours and numbers; it does not see words of the evidence
that were put together wrongly otherwise, and takes a true sentence in other words for one that is not
supported. By a language model: it is asked about each sentence.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rag.errors import ModelUnavailable
from rag.protocols import Judge
from rag.relay import DeadlineExceeded, Deadlines, within
from rag.types import Evidence, Faithfulness, Supported, moment
from rag.wording import share, supported

MOST_SENTENCES: Final = 20
"""That a language model is asked about, in one answer."""

_MARKERS = r"(?:\s*\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\])"
_SENTENCE = re.compile(rf"[^\n]+?(?:[.!?…]+[\"”’')]*{_MARKERS}*(?=\s|$)|(?=\n)|$)")
_MARKER = re.compile(r"\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\]")


def sentences(text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each sentence without its markers, and the numbers that it cites.

    One without markers cites what the next one of its line cites: “It is a cat. It sleeps [1].”
    """
    for line in text.splitlines():
        waiting: list[str] = []
        for match in _SENTENCE.finditer(line):
            said = " ".join(_MARKER.sub("", match[0]).split())
            cited = tuple(int(n) for part in _MARKER.findall(match[0]) for n in re.findall(r"\d+", part))
            if re.search(r"\w", said):
                waiting.append(said)
            if cited:
                yield from ((one, cited) for one in waiting)
                waiting = []
        yield from ((one, ()) for one in waiting)


class Checker:
    """Checks answers sentence by sentence.

    ``judge`` is who is asked for ``llm``, within ``seconds`` for all sentences of an answer together.
    """

    def __init__(
        self,
        usual: Faithfulness = "off",
        judge: Judge | None = None,
        *,
        seconds: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._usual = usual
        self._judge = judge
        self._seconds = seconds
        self._clock = clock

    def checked(
        self, text: str, evidence: Sequence[Evidence], wanted: Faithfulness | None
    ) -> tuple[tuple[Supported, ...], str]:
        """The sentences with what was found, and a warning where a model could not be asked, or empty.

        ``wanted`` is how; None leaves it to the settings.
        """
        how = self._usual if wanted is None else wanted
        if how == "off":
            return (), ""
        pieces = {piece.marker: piece for piece in evidence}
        found: list[Supported] = []
        warning, until = "", self._clock() + self._seconds
        for sentence, cited in sentences(text):
            read = [pieces[marker] for marker in cited if marker in pieces]
            said = "\n".join(piece.text for piece in read)
            verdict: bool | None = False
            if said and how == "words":
                verdict = supported(sentence, said, [phrase for piece in read for phrase in _aside(piece)])
            elif said and (warning or len(found) >= MOST_SENTENCES):
                verdict = None
            elif said:
                try:
                    verdict = self._asked(sentence, said, until - self._clock())
                except ModelUnavailable as error:
                    verdict, warning = None, f"degraded: what the answer says was not checked: {error}"
            found.append(Supported(sentence, cited, verdict, round(share(sentence, said), 3)))
        return tuple(found), warning

    def _asked(self, sentence: str, evidence: str, seconds: float) -> bool | None:
        judge = self._judge
        if judge is None:
            raise ModelUnavailable("OLHAR_FAITHFULNESS=llm: no language model is there to be asked")

        def verdict() -> Iterator[bool | None]:
            yield judge.supports(sentence, evidence)

        try:
            if seconds > 0:
                return next(within(verdict(), Deadlines(first=seconds, whole=seconds)))
        except DeadlineExceeded:
            pass
        raise ModelUnavailable(
            f"the language model did not read all sentences within {self._seconds:g} s; raise "
            "OLHAR_LLM_ANSWER_SECONDS, or set OLHAR_FAITHFULNESS=words"
        )


def _aside(piece: Evidence) -> tuple[str, ...]:
    """What the text of a piece says by numbers of its place, and of how many it stands for."""
    item, others = piece.hit.item, piece.alike + piece.hit.duplicates
    place = item.part.partition("/")[0].replace("-", " ") if item.page else ""
    at = f"at {moment(item.seconds)}" if item.seconds is not None else ""
    return tuple(phrase for phrase in (place, at, f"{others} more" if others else "") if phrase)
