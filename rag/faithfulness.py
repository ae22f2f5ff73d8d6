"""Does the evidence that a sentence cites say what the sentence says?

By words: all content words and numbers of the sentence have to stand in what it cites, a colour beside the
same thing, and neither may deny what the other does not. That sees other things, colours and numbers; it does
not see words of the evidence that were put together wrongly otherwise, and takes a true sentence in other
words for one that is not supported. By a language model: it is asked about each sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from rag.errors import ModelUnavailable
from rag.folding import fold, query_stems, stem, stems
from rag.protocols import Judge
from rag.types import Evidence, Faithfulness, Supported

MOST_SENTENCES: Final = 20
"""That a language model is asked about, in one answer."""

_MARKERS = r"(?:\s*\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\])"
_SENTENCE = re.compile(rf"[^\n]+?(?:[.!?…]+[\"”’')]*{_MARKERS}*(?=\s|$)|(?=\n)|$)")
_WORD = re.compile(r"\w+")
_MARKER = re.compile(r"\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\]")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NEGATION = re.compile(
    r"\b(?:no|not|never|without|nobody|none|nothing|neither|nao|nem|nunca|sem|ninguem|nenhum\w*|\w+n[’']t)\b"
)
_NAMED: Final[Mapping[str, str]] = {
    word: str(number)
    for number, names in enumerate(
        (
            "zero", "one um uma", "two dois duas", "three tres", "four quatro", "five cinco", "six seis",
            "seven sete", "eight oito", "nine nove", "ten dez", "eleven onze", "twelve doze",
        )
    )
    for word in names.split()
}  # fmt: skip
_NUMERALS: Final = stems(" ".join(_NAMED))
"""They are compared as numbers."""
_ARTICLES: Final = frozenset({"one", "um", "uma"})
_LIGHT: Final = stems(
    "carry carries hold have has had wear wears show shows ter tem ha haver usa veste mostra leva"
)
"""Verbs that say little beside their object."""
_COLOUR_NAMES: Final = """
red blue green yellow orange purple pink brown black white grey gray golden silver beige
vermelho vermelha azul azuis verde amarelo amarela laranja roxo roxa rosa castanho castanha marrom preto preta
branco branca cinzento cinzenta dourado dourada
"""
_COLOURS: Final = frozenset(_COLOUR_NAMES.split())
_PART: Final = 4
"""Letters from which a stem may be part of another: “sleep” and “asleep”, “snow” and “snowy”."""
_BESIDE: Final = 3
"""Words within which a colour stands beside its thing: “blue and white toy car”."""


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


def share(sentence: str, evidence: str) -> float:
    """Of the sentence's content words the share that the evidence holds, in [0, 1]; 1 when it has none."""
    known = stems(evidence)
    said = {word for word in query_stems(sentence) - _LIGHT - _NUMERALS if not word.isdigit()}
    return sum(_stands(word, known) for word in said) / len(said) if said else 1.0


def supported(sentence: str, evidence: str) -> bool:
    """By words, as the module says."""
    return (
        share(sentence, evidence) == 1.0
        and _numbers(sentence) <= _numbers(evidence)
        and _denies(sentence) == _denies(evidence)
        and _coloured(sentence, evidence)
    )


def _stands(word: str, known: frozenset[str]) -> bool:
    if word in known:
        return True
    return any(
        (len(word) >= _PART and word in other) or (len(other) >= _PART and other in word) for other in known
    )


def _coloured(sentence: str, evidence: str) -> bool:
    """Whether each colour with the word right beside it stands so in the evidence, in either order."""
    words = [stem(word) if word not in _COLOURS else word for word in _WORD.findall(fold(evidence))]
    said = _WORD.findall(fold(sentence))
    for one, other in pairwise(said):
        if (one in _COLOURS) == (other in _COLOURS) or not query_stems(other):
            continue
        colour, thing = (one, stem(other)) if one in _COLOURS else (other, stem(one))
        near = any(
            colour in words[max(place - _BESIDE, 0) : place + 2]
            for place, word in enumerate(words)
            if word == thing
        )
        if thing in words and not near:
            return False
    return True


class Checker:
    """Checks answers sentence by sentence. ``judge`` is who is asked for ``llm``."""

    def __init__(self, usual: Faithfulness = "off", judge: Judge | None = None) -> None:
        self._usual = usual
        self._judge = judge

    def checked(
        self, text: str, evidence: Sequence[Evidence], wanted: Faithfulness | None
    ) -> tuple[tuple[Supported, ...], str]:
        """The sentences with what was found, and a warning where a model could not be asked, or empty.

        ``wanted`` is how; None leaves it to the settings.
        """
        how = self._usual if wanted is None else wanted
        if how == "off":
            return (), ""
        texts = {piece.marker: piece.text for piece in evidence}
        found: list[Supported] = []
        warning = ""
        for sentence, cited in sentences(text):
            said = "\n".join(texts[marker] for marker in cited if marker in texts)
            known = share(sentence, said)
            verdict: bool | None = bool(said) and supported(sentence, said)
            if how == "llm" and said:
                verdict = None
                if not warning and len(found) < MOST_SENTENCES:
                    try:
                        verdict = self._asked(sentence, said)
                    except ModelUnavailable as error:
                        warning = f"degraded: what the answer says was not checked: {error}"
            found.append(Supported(sentence, cited, verdict, round(known, 3)))
        return tuple(found), warning

    def _asked(self, sentence: str, evidence: str) -> bool | None:
        if self._judge is None:
            raise ModelUnavailable("OLHAR_FAITHFULNESS=llm: no language model is there to be asked")
        return self._judge.supports(sentence, evidence)


def _numbers(text: str) -> set[str]:
    folded = fold(text)
    named = {_NAMED[word] for word in folded.split() if word in _NAMED and word not in _ARTICLES}
    return set(_NUMBER.findall(folded)) | named


def _denies(text: str) -> bool:
    return _NEGATION.search(fold(text)) is not None
