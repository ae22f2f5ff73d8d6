"""Do the words of some evidence say what a sentence says?

All content words and numbers of the sentence have to stand in the evidence, a colour beside the same thing,
and what one denies the other may not say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Final

from rag.folding import STOP_WORDS, fold, query_stems, stem, stems

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_TOKEN = re.compile(r"\w+n[’']t\b|\w+|[.,;:!?()\n]")
_NEGATION = re.compile(
    r"not|never|without|nobody|none|nothing|neither|nor|cannot|nao|nem|nunca|sem|ninguem|nenhum\w*|\w+n[’']t"
)
_ENGLISH_SMALL: Final = """
the an is are was were there of in on at with and it its this that has from by to
"""
_PORTUGUESE_SMALL: Final = """
o os um uma de da das dos e em na nas nos ao com que se por para pelo pela ha esta estao num nao sem
"""
_ENGLISH: Final = frozenset(_ENGLISH_SMALL.split())
_PORTUGUESE: Final = frozenset(_PORTUGUESE_SMALL.split())
"""Small words of one language and not of the other: “no” denies in English, and is “in the” in Portuguese."""
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
"""Letters from which a stem may be the beginning of another: “snow” and “snowy”."""
_STATES: Final[Mapping[str, str]] = {
    stem(f"a{word}"): stem(word) for word in ("sleep", "wake", "float", "shore", "board")
}
"""Stems that begin otherwise than what they come from."""
_BESIDE: Final = 3
"""Words within which a colour stands beside its thing: “blue and white toy car”."""


def share(sentence: str, evidence: str) -> float:
    """Of the sentence's content words the share that the evidence holds, in [0, 1]; 1 when it has none."""
    known = stems(evidence)
    said = {word for word in query_stems(sentence) - _LIGHT - _NUMERALS if not word.isdigit()}
    return sum(_stands(word, known) for word in said) / len(said) if said else 1.0


def supported(sentence: str, evidence: str, aside: Sequence[str] = ()) -> bool:
    """Whether the evidence says it, as above. The numbers in the phrases ``aside`` say where the evidence
    stands, not what it says: “page 3” is no three dogs.
    """
    return (
        share(sentence, evidence) == 1.0
        and _numbers(sentence, aside) <= _numbers(evidence, aside)
        and _agree(sentence, evidence)
        and _coloured(sentence, evidence)
    )


def _stands(word: str, known: Collection[str]) -> bool:
    if word in known:
        return True
    word = _STATES.get(word, word)
    return any(_same(word, _STATES.get(other, other)) for other in known)


def _same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    begin = short.removesuffix("a") if len(short) > _PART else short  # “pizza” and “pizzeria”
    return short == long or (
        len(short) >= _PART and long.startswith(begin) and long.removeprefix(begin) != "less"
    )


def _agree(sentence: str, evidence: str) -> bool:
    """Whether the evidence denies each content word that the sentence denies, and says the others."""
    affirmed, denied = _denials(sentence)
    said, not_said = _denials(evidence)
    if not affirmed and not denied:  # a bare “no”
        return not any(_is_negation(word, english=True) for word in _TOKEN.findall(fold(sentence)))
    return all(_stands(word, said) for word in affirmed) and all(_stands(word, not_said) for word in denied)


def _denials(text: str) -> tuple[set[str], set[str]]:
    """The stems of the content words that a text says, and of those that it denies: the one right behind a
    negation, and the colours before that one.
    """
    found: tuple[set[str], set[str]] = (set(), set())
    for part in re.split(r"(?<=[.!?\n])\s+|\n", text):
        denying, english = False, _is_english(part, text)
        for token in _TOKEN.findall(fold(part)):
            if _is_negation(token, english=english):
                denying = True
            elif not _WORD.match(token):
                denying = False
            elif content := _content(token):
                found[denying].update(content)
                denying = denying and token in _COLOURS
    return found


def _content(text: str) -> set[str]:
    """The stems of words that say what there is; numbers are compared as such."""
    known = {word for word in _WORD.findall(fold(text)) if word not in STOP_WORDS and not word.isdigit()}
    return {stem(word) for word in known} - _LIGHT - _NUMERALS


def _is_negation(token: str, *, english: bool) -> bool:
    return _NEGATION.fullmatch(token) is not None or (english and token == "no")


def _is_english(part: str, whole: str) -> bool:
    """By the small words of a sentence, or else of all that it stands in; without any it is."""
    for text in (part, whole):
        known = _WORD.findall(fold(text))
        english = sum(word in _ENGLISH for word in known)
        portuguese = sum(word in _PORTUGUESE for word in known)
        if english != portuguese:
            return english > portuguese
    return True


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


def _numbers(text: str, aside: Sequence[str] = ()) -> set[str]:
    folded = fold(text)
    for phrase in aside:
        folded = re.sub(rf"\b{re.escape(fold(phrase))}\b", " ", folded)
    named = {_NAMED[word] for word in _WORD.findall(folded) if word in _NAMED and word not in _ARTICLES}
    return set(_NUMBER.findall(folded)) | named
