"""Forms of English words, by rule, with the exceptions among words that photos call for."""

from __future__ import annotations

_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "people": "people",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "ox": "oxen",
    "knife": "knives",
    "leaf": "leaves",
    "wolf": "wolves",
    "half": "halves",
    "shelf": "shelves",
    "scarf": "scarves",
    "calf": "calves",
    "thief": "thieves",
    "life": "lives",
    "sheep": "sheep",
    "fish": "fish",
    "deer": "deer",
    "dice": "dice",
    "hair": "hair",
    "fireman": "firemen",
    "policeman": "policemen",
    "fisherman": "fishermen",
    "businessman": "businessmen",
    "mailman": "mailmen",
    "snowman": "snowmen",
    "potato": "potatoes",
    "tomato": "tomatoes",
}
_DOUBLED_WORDS = """
    bat beg begin chop clap cut dig drag drip drop fit get hit hop hug jog knit let nap pat pet plan put
    rub run set ship shop sit skip slip spin split step stir stop strip swim tag tap tip trim trip tug
    win wrap
"""
_DOUBLED = frozenset(_DOUBLED_WORDS.split())
"""Verbs whose last letter is doubled before a vowel."""
_THIRD = {"be": "is", "have": "has", "do": "does", "go": "goes"}
_KEPT = frozenset({"dye", "eye", "hoe", "see"})
"""Verbs in e that keep it before -ing."""


def plural(phrase: str) -> str:
    """The plural of a noun, of whose words the last counts: ``police officer``, ``police officers``."""
    before, space, word = _last(phrase)
    if word in _PLURALS:
        return before + space + _PLURALS[word]
    if word.endswith(("s", "x", "ch", "sh")):
        # Trousers, glasses and news are plural as they are; a bus and a box are not.
        return phrase if word.endswith("s") and not word.endswith(("ss", "us")) else phrase + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return phrase[:-1] + "ies"
    return phrase + "s"


def third(phrase: str) -> str:
    """The third person of a verb, of whose words the first counts: ``take a photo``, ``takes a photo``."""
    word, space, rest = phrase.partition(" ")
    if word in _THIRD:
        return _THIRD[word] + space + rest
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es" + space + rest
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies" + space + rest
    return word + "s" + space + rest


def gerund(phrase: str) -> str:
    """``run`` becomes ``running``, ``take a photo`` becomes ``taking a photo``."""
    word, space, rest = phrase.partition(" ")
    if word in _DOUBLED:
        word += word[-1]
    elif word.endswith("ie"):
        word = word[:-2] + "y"
    elif word.endswith("e") and word not in _KEPT and word != "be" and not word.endswith("ee"):
        word = word[:-1]
    return word + "ing" + space + rest


def past(phrase: str) -> str:
    """The regular past: ``jump`` becomes ``jumped``."""
    word, space, rest = phrase.partition(" ")
    if word in _DOUBLED:
        word += word[-1]
    elif word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        word = word[:-1] + "i"
    return word + ("d" if word.endswith("e") else "ed") + space + rest


def _last(phrase: str) -> tuple[str, str, str]:
    before, space, word = phrase.rpartition(" ")
    return before, space, word
