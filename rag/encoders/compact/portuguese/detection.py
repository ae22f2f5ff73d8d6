"""Is a text Portuguese? Told by its words, so that English and the languages around pass untouched.

The general identifier of ``rag.languages`` is made for sentences; here a single word has to do.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.encoders.compact.portuguese import english
from rag.encoders.compact.portuguese.lexicon import lexicon, read_rows

_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN_LETTERS = re.compile("[ñ¿¡ßäöůøåæœőűłşğřšžčěùìŷïëî]", re.IGNORECASE)
_OWN_LETTERS = re.compile("[ãõ]", re.IGNORECASE)

_STRONG_WORDS = """
    ao aos com da das do dois dos duas em está estão homem há mais menina menino muito mulher na nas nem
    no nos num numa não onde os para pela pelas pelo pelos pessoas quais qual quantas quantos que quem
    sem seu seus sua suas são também tem um uma umas uns à às é
"""
_STRONG = frozenset(_STRONG_WORDS.split())
"""Words that hardly a Portuguese sentence lacks."""
_ENGLISH_WORDS = """
    a about above after all also among an and another any are around as at away back be been behind
    below big by can come comes do does down e each em etc every far few for from get gets go goes has
    have he her here him his how i if in into is it its just like look looks made make many me more most
    much my near new next no not o of off on one only or other our out over own real s sea see sees she
    side some such than that the their them then there these they this those through to too top toward
    towards two under until up upon us very was we were what when where which while who whose why will
    with without you your
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
"""Common English words, besides those that the lexicon turns to."""
_ALSO_ENGLISH_WORDS = """
    academia agenda ai alto americana ananas anime argentina ave baba babe bares barre bates bermuda
    bobsleigh bodyboard bola bolo bravo cacatua case chute circular clara coma combine concerto console
    converse courgette cruz debate defender deli disco dispute dobermann domino egyptian escape escapes
    execute exterior favor final flora florida frondosa gnu grade grades incentive incline indiana
    inferior inferno interior irregular lance late latte lava lavabo legos lima linda lisa maillot mama
    manifesto maraca marco marimba mate material mates media metro mia mobile monitor mortal naja nevada
    normal observe ode opera orca papa par particular pastor patas patio plaque poem postal precise pro
    professor propaganda protector prove puma pure radical realize receptor retire revolver roam roe
    role rosa salamandra serie smartphone solo sumo superior surge teen teens temporal toga tosses
    tribunal trio tutu tv use utilize vague vale vera vista whisky
"""
_ALSO_ENGLISH = frozenset(_ALSO_ENGLISH_WORDS.split())
"""Forms of the lexicon that are English words too."""
_FOREIGN_WORDS = """
    al auf auga avec che chi co coa coas con cos cun cunha dans das de degli dei del della delle dello
    dem den der des deux die donde dos dove du due dun dunha dónde e ein eine einem einen einer el ella
    en es est está están et gli hay hombre hombres home il im ist la las le les lo los mit moi mujer
    mujeres muller muy nel nella nello niña niño non nun nunha o os où para pas pero perro pola polo por
    pour que qui qué rúa se sin sind sobre sono su sur sus un una unas und une unha unhas uno unos von
    wo xente y zwei è ó
"""
_FOREIGN = frozenset(_FOREIGN_WORDS.split())
"""Function words of Spanish, French, Italian, German and Galician."""


def is_portuguese(text: str) -> bool:
    """Whether the words of the text speak for Portuguese more than for any other language."""
    if _FOREIGN_LETTERS.search(text):
        return False
    words = _WORD.findall(text)
    if not words:
        return False
    own = english_words = foreign = unknown = 0.0
    known = lexicon()
    vocabulary = english_vocabulary()
    for word in words:
        form = word.lower()
        if form in _OTHERS:
            foreign += 1
        elif form in vocabulary:
            english_words += form not in known.things
        elif form in _STRONG:
            own += 2
        elif known.find(form) is not None or _OWN_LETTERS.search(form):
            own += 1
        elif not word[0].isupper() or word == words[0]:
            unknown += 1
    return own > english_words + 2.5 * foreign + 0.7 * unknown


def is_english(word: str) -> bool:
    """Whether the word, in small letters, is an English one that is told from Portuguese."""
    return word in english_vocabulary()


@lru_cache(maxsize=1)
def english_vocabulary() -> frozenset[str]:
    """English words, those that Portuguese has too among them."""
    words = set(_ENGLISH | _ALSO_ENGLISH)
    for _, meaning, kind in read_rows():
        for phrase in meaning.split("/"):
            words.update(re.findall("[a-z]+", phrase))
            if kind == "verb":
                words.update(form.split()[0] for form in _verb(phrase))
            else:
                words.update(english.plural(phrase).split())
    return frozenset(words)


def _verb(phrase: str) -> tuple[str, str, str]:
    return english.third(phrase), english.gerund(phrase), english.past(phrase)


_OTHERS = _FOREIGN - _STRONG - frozenset(["de", "e", "para", "por", "que", "se", "sobre", "o", "os"])
