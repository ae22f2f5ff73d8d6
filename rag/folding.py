"""Words as they are compared: folded by us, so that BM25 finds the same words on every back end."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LATIN_MARKS = re.compile("[\u0300-\u036f]")
"""Accents of Latin, Greek and Cyrillic. Vowel signs of other scripts stand elsewhere, and are kept."""

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
"""Scripts written without spaces (Thai, Lao, Burmese, Khmer, kana, Han): each character is a word."""

_WORD = re.compile(r"\w+")

_ENGLISH = """
    a an and are as at be by do does for from has have how i in is it its me my of on or our s that the
    their there these this those to was were what when where which who why will with you your
"""
_PORTUGUESE = """
    ao aos as com como da das de do dos e ela ele em essa esse esta estao este eu foi ha isso isto la mais
    me meu minha na nas nem no nos o onde os ou para pela pelas pelo pelos por qual quais quando que quem
    sao se sem ser seu sua tem tinha um uma umas uns
"""
_MEDIUM = """
    any collection find image images photo photograph photographs photos picture pictures show shown
    shows some
    colecao foto fotografia fotografias fotos imagem imagens mostra mostre
"""
"""What is said of any photo, whatever it shows."""
STOP_WORDS = frozenset((_ENGLISH + _PORTUGUESE + _MEDIUM).split())
"""As folded."""


def fold(text: str) -> str:
    """Lower case without accents: ``São`` and ``SAO`` both become ``sao``. Other scripts survive.

    Compatibility forms are made plain (``ﬁ`` becomes ``fi``), underscores part words, and scripts
    written without spaces are split into characters.
    """
    if text.isascii():
        return " ".join(text.lower().replace("_", " ").split())
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFC", _LATIN_MARKS.sub("", unicodedata.normalize("NFKD", plain)))
    return " ".join(_UNSPACED.sub(r" \g<0> ", plain.replace("_", " ")).split())


def words(text: str) -> frozenset[str]:
    """The folded words of a text."""
    return frozenset(_WORD.findall(fold(text)))


def fold_query(text: str) -> str:
    """A query's words, folded; without English and Portuguese stop words unless only those are there."""
    found = _WORD.findall(fold(text))
    return " ".join([word for word in found if word not in STOP_WORDS] or found)


_FORM_OF_Y = re.compile("ies?$|(?<=.)(?<!sk)ied$|(?<=^.)ying$")
"""“movie” and “movies”, “carries” and “carried”, “lie” and “lying”; not “skied”."""
_ENDINGS = (("ando", "a"), ("endo", ""), ("indo", ""), ("ing", ""), ("ed", ""))
"""With what comes in their place: “pulando” of “pula”."""
_VOWELS = frozenset("aeiouy")
_LEAST_STEM = 3
SHORT: Final = 200
KEPT: Final = 2_048
"""Texts of at most ``SHORT`` letters whose stems are kept: at most some 10 MB."""
_LONG = 6
"""Letters from which words that differ in the last vowel only are hardly two words."""


@lru_cache(65_536)
def stem(word: str) -> str:
    """A folded word without the endings that English and Portuguese give it: “dogs” and “dog”, “running” and
    “runs”, “cachorros” and “cachorra” meet.

    Light on purpose, after the first step of Porter 1980, “An algorithm for suffix stripping”: number, gender
    and the forms of verbs go, nothing that makes another word. Other scripts stay as they are.
    """
    word = _FORM_OF_Y.sub("y", _singular(word)) if len(word) >= _LEAST_STEM else word
    for ending, put in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _LEAST_STEM and not _VOWELS.isdisjoint(rest) and word[-3:] != "eed":
            return _plain(rest + put)
    return _plain(word)


def stems(text: str) -> frozenset[str]:
    """The stems of the words of a text. Those of short ones are kept: many questions ask for one caption."""
    return _kept_stems(text) if len(text) <= SHORT else _stems(text)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _WORD.findall(fold(text)))


_kept_stems = lru_cache(KEPT)(_stems)


def query_stems(text: str) -> frozenset[str]:
    """The stems of the words of ``fold_query``."""
    return frozenset(stem(word) for word in fold_query(text).split())


_OES = """
    archipelagoes avocadoes banjoes buffaloes calicoes cargoes commandoes desperadoes dingoes dodoes dominoes
    echoes embargoes fiascoes flamingoes frescoes ghettoes goes grottoes haloes heroes innuendoes lassoes
    mangoes manifestoes mementoes mosquitoes mottoes negroes porticoes potatoes superheroes tobaccoes tomatoes
    tornadoes torpedoes tuxedoes vetoes volcanoes zeroes
"""
"""English plurals in -oes of words in -o. All others are taken for Portuguese, “aviões” of “avião”."""
_OE = """
    aloe backhoe canoe doe floe foe hoe horseshoe mistletoe oboe overshoe roe shoe sloe snowshoe throe tiptoe
    toe woe
"""
_US = "bambus cangurus emus gnus menus perus tatus tutus urubus"
"""Plurals; “status” and “cactus” are none."""
_IRREGULAR = (
    {many: many.removesuffix("es") for many in _OES.split()}
    | {f"{one}s": one for one in _OE.split()}
    | {many: many.removesuffix("s") for many in _US.split()}
    | {"axe": "ax", "azuis": "azul", "lenses": "len", "ibis": "ibis", "iris": "iris", "mantis": "mantis"}
)
_PLURALS = (
    ("oes", "ao"), ("aes", "ao"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("zes", "z"),
    ("ais", "al"), ("eis", "el"),
)  # fmt: skip


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= _LEAST_STEM or not word.endswith("s") or word.endswith("ies"):
        return word
    for plural, singular in _PLURALS:
        if word.endswith(plural):
            return word.removesuffix(plural) + singular
    kept = word.endswith(("ss", "us")) and not word.endswith("eus")  # “chapéus”
    return word if kept else word[:-1]


_PORTUGUESE_M = re.compile("(?:(?<=.[^aeiou]e)|(?<=..[^aeiou][iou])|(?<=..oi))m$")
"""“jovem”, “jardim”; not “swam”, “beam” and “skim”, which would meet “swan”, “bean” and “skin”."""


def _plain(word: str) -> str:
    """Without a last e and a doubled consonant: “riding” and “ride”, “running” and “run”.

    A last a or o, which may tell gender, goes from a long word too, and is a in a short one: “polo” and
    “pole”, “gato” and “gate” are two words. “-ão” stays: so are “balão” and “bala”. A last m becomes n, for
    “jovem” and “jovens”.
    """
    if len(word) <= _LEAST_STEM:
        return word
    if word.endswith(("a", "o")) and not word.endswith("ao"):
        return word[:-1] + "a" if len(word) < _LONG else word[:-1]
    word = word.removesuffix("e")
    if len(word) > _LEAST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return _PORTUGUESE_M.sub("n", word)
