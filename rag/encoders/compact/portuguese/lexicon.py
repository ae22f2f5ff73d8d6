"""The lexicon: Portuguese words and phrases with what they mean in English, and the forms they take.

``lexicon.tsv`` has a row for each: Portuguese (small letters, spaces for hyphens), English, kind. A row of a
verb gives its past and participle where they are irregular (``swim/swam/swum``). A row of the kind ``word``
stands for itself alone; of all others the inflected forms are known too, of ``person+`` also the feminine.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from rag.encoders.compact.portuguese import english, inflection

FILE = Path(__file__).with_name("lexicon.tsv")
RULES = "2"
"""To be raised with any change of the program that changes what a text is turned into."""

Kind = Literal["noun", "person", "body", "clothing", "material", "colour", "adjective", "verb", "word"]
Role = Literal["thing", "quality", "act"]
_MARKS = re.compile("[\u0300-\u036f]")
_DIMINUTIVE = re.compile("(inh)([oa])(s?)$")
_AUGMENTATIVE = re.compile("(ao|oes|onas?)$")
_CONTRACTED = {
    "de": ["do", "da", "dos", "das", "dum", "duma"],
    "em": ["no", "na", "nos", "nas", "num", "numa"],
    "a": ["ao", "à", "aos", "às"],
    "por": ["pelo", "pela", "pelos", "pelas"],
}
_SUPERLATIVE = re.compile("issim[oa]s?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a form means. ``infinitive`` is said of verbs only."""

    english: str
    kind: Kind
    infinitive: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What each form means: as written with accents, and without them."""

    things: dict[str, Entry]
    """Nouns and fixed words, and of all other forms those that are nothing else."""
    qualities: dict[str, Entry]
    acts: dict[str, Entry]
    longest: int
    """Words of the longest phrase."""

    def find(self, form: str) -> Entry | None:
        """The plainest reading of a form or phrase in small letters; with its accents if it has a row so."""
        plain = fold(form)
        found = self.things.get(form) or self.things.get(plain)
        return found or (None if " " in plain else self._derived(plain))

    def quality(self, form: str) -> Entry | None:
        """The form as an adjective."""
        return self.qualities.get(form) or self.qualities.get(fold(form))

    def act(self, form: str) -> Entry | None:
        """The form as a verb that says what somebody does."""
        return self.acts.get(form) or self.acts.get(fold(form))

    def _derived(self, form: str) -> Entry | None:
        """Diminutives and augmentatives, superlatives in -íssimo and adverbs in -mente."""
        for pattern, meaning in ((_DIMINUTIVE, "little"), (_AUGMENTATIVE, "big")):
            if (match := pattern.search(form)) and match.start() > 2:
                vowel = "a" if "a" in match[0].removeprefix("ao") else "o"
                found = self._first(_stems(form[: match.start()], vowel, "s" * match[0].endswith("s")))
                if found and found.kind not in ("word", "verb"):
                    return Entry(f"{meaning} {found.english}", found.kind)
        if (match := _SUPERLATIVE.search(form)) and match.start() > 2:
            found = self._first(form[: match.start()] + end for end in ("o", "e", ""))
            return Entry(f"very {found.english}", "adjective") if found else None
        if form.endswith("mente") and len(form) > 7 and (found := self._first((form[:-5], form[:-6] + "o"))):
            return Entry(f"{found.english}ly", "word")
        return None

    def _first(self, forms: Iterator[str] | tuple[str, ...]) -> Entry | None:
        return next((entry for form in forms if (entry := self.things.get(form))), None)


def _contracted(form: str) -> Iterator[str]:
    """A phrase that ends with a preposition, and its contractions: `gostar de`, `gostar da`."""
    yield form
    before, space, last = form.rpartition(" ")
    if space:
        yield from (f"{before} {other}" for other in _CONTRACTED.get(last, ()))


def _stems(stem: str, vowel: str, many: str) -> Iterator[str]:
    """What a diminutive may come from: barqu- from barco, caezi- from cão, rapaz- from rapaz."""
    stems = [stem]
    if stem.endswith("z"):
        stems.append(stem[:-1])
    if stem.endswith(("qu", "gu")):
        stems.append(stem[:-2] + {"q": "c", "g": "g"}[stem[-2]])
    yield from (each + end + many for each in stems for end in (vowel, "e", "", "a", "o"))


def fold(text: str) -> str:
    """Without accents: ``avó`` and ``avô`` both become ``avo``. One letter stays one letter."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The packaged one, with all forms. Made at the first call."""
    rows = list(read_rows())
    things: dict[str, Entry] = {}
    qualities: dict[str, Entry] = {}
    acts: dict[str, Entry] = {}
    for form, entry, role in _forms(rows):
        if role == "quality":
            qualities.setdefault(form, entry)
        elif role == "act" and " " not in form:
            acts.setdefault(form, entry)
        for variant in _contracted(form):
            things.setdefault(variant, entry)
    for known in (things, qualities, acts):
        for form, entry in list(known.items()):
            known.setdefault(fold(form), entry)
    return Lexicon(things, qualities, acts, max(form.count(" ") + 1 for form in things))


def read_rows() -> Iterator[tuple[str, str, str]]:
    """(Portuguese, English, kind) of each row."""
    for line in FILE.read_text("utf-8").splitlines():
        portuguese, meaning, kind = line.split("\t")
        yield portuguese, meaning, kind


@lru_cache(maxsize=1)
def digest() -> str:
    """What a change of the lexicon or of the rules changes: 12 hex digits."""
    return hashlib.sha256(FILE.read_bytes() + RULES.encode()).hexdigest()[:12]


def _forms(rows: list[tuple[str, str, str]]) -> Iterator[tuple[str, Entry, Role]]:
    """All forms of all rows; of a form that comes twice the first counts. Rows come before derived forms."""
    for portuguese, meaning, kind in rows:
        if kind != "verb":
            entry = Entry(meaning, _kind(kind))
            yield portuguese, entry, "quality" if kind in ("adjective", "colour") else "thing"
    for portuguese, meaning, kind in rows:
        if kind in ("adjective", "colour"):
            yield from ((form, Entry(meaning, _kind(kind)), "quality") for form in _agreeing(portuguese))
        elif kind not in ("verb", "word"):
            yield from _nouns(portuguese, meaning, kind)
    for portuguese, meaning, kind in rows:
        if kind == "verb":
            yield from _acts(portuguese, meaning)


def _nouns(portuguese: str, meaning: str, kind: str) -> Iterator[tuple[str, Entry, Role]]:
    singulars = [portuguese]
    if kind.endswith("+") and (other := inflection.feminine(portuguese)):
        singulars.append(other)
        yield other, Entry(meaning, _kind(kind)), "thing"
    many = Entry(english.plural(meaning), _kind(kind))
    for singular in singulars:
        yield from ((form, many, "thing") for form in inflection.plurals(singular))


def _agreeing(portuguese: str) -> Iterator[str]:
    """An adjective's forms besides its row's."""
    yield from inflection.plurals(portuguese)
    if other := inflection.feminine(portuguese):
        yield other
        yield from inflection.plurals(other)


def _acts(portuguese: str, meaning: str) -> Iterator[tuple[str, Entry, Role]]:
    base, _, irregular = meaning.partition("/")
    simple, _, participle = irregular.partition("/")
    simple = simple or english.past(base)
    meanings = {
        "infinitive": base,
        "third": english.third(base),
        "plural": base,
        "past": simple,
        "gerund": english.gerund(base),
        "participle": participle or simple,
        "other": base,
    }
    for form, kind in inflection.conjugate(portuguese):
        entry = Entry(meanings[kind], "verb", infinitive=kind == "infinitive")
        yield form, entry, "act" if kind in ("third", "plural", "past", "gerund") else "thing"


def _kind(kind: str) -> Kind:
    return cast(Kind, kind.removesuffix("+"))
