"""A Portuguese text in English words: longest phrases first, then in the order that English has.

No translation: articles, tense and number are kept only as far as an encoder of texts can make use of them.
Names, numbers and words that the lexicon does not know stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.encoders.compact.portuguese import english
from rag.encoders.compact.portuguese.detection import is_english, is_portuguese
from rag.encoders.compact.portuguese.lexicon import Entry, lexicon

_TOKEN = re.compile(r"\w+|[^\w\s]")
_THINGS = frozenset({"noun", "person", "body", "clothing", "material"})
_QUALITIES = frozenset({"adjective", "colour"})
_OF = frozenset({"de"})
_DEGREES = frozenset({"very", "more", "less", "so", "well", "quite", "too"})
_MADE_OF = {"wood": "wooden", "gold": "golden", "wool": "woolen"}
_ON_WORDS = """
    back balcony beach bench bicycle bike board boat branch bridge bus chair cliff couch court deck face
    field floor grass ground head hill horse ice lap lawn motorcycle path pier platform raft railing
    ramp road rock rocks roof rope scooter sidewalk skateboard sled slope snowboard sofa stage stairs
    street subway surfboard swing table track trail train trampoline wall wave
"""
_ON = frozenset(_ON_WORDS.split())
"""What people are on, where Portuguese has `em`."""
_THROUGH = "through the"
"""What `pelo` means, but of who did it: `puxado pelo cão`."""
_WEAR = {"use": "wear", "uses": "wears", "using": "wearing", "used": "wore"}
_UNKNOWN = "name"


@dataclass(frozen=True, slots=True)
class _Word:
    """A phrase of the text and what it means.

    ``kind`` is that of its row, ``name`` where there is none, ``mark`` of what is no word.
    """

    text: str
    english: str
    kind: str
    infinitive: bool = False


def in_english(text: str) -> str:
    """``text`` in English words when it is Portuguese; any other text as it is."""
    if not is_portuguese(text):
        return text
    words = _in_order(_worn(_progressive([word for word in _read(text) if word.english])))
    return re.sub(r" (?=[,.;:!?)])", "", " ".join(word.english for word in words))


def not_understood(text: str) -> tuple[str, ...]:
    """Words of a Portuguese text that the lexicon does not know, as written, each once.

    Numbers, English words and names (a capital inside a sentence) are not among them.
    """
    if not is_portuguese(text):
        return ()
    words = list(_read(text))
    unknown = [
        word.text
        for before, word in zip([None, *words], words, strict=False)
        if word.kind == _UNKNOWN
        and len(word.text) > 1
        and word.text.isalpha()
        and not (before and before.kind != "mark" and word.text.lower() != word.text)
        and not is_english(word.text.lower())
    ]
    return tuple(dict.fromkeys(unknown))


def _read(text: str) -> Iterator[_Word]:
    """The phrases of the text, the longest that the lexicon knows first, from left to right."""
    known = lexicon()
    tokens = [token for token in _TOKEN.findall(text) if token not in ("-", "‐", "‑")]
    lower = [token.lower() for token in tokens]
    place, before = 0, None
    while place < len(tokens):
        size, entry = 1, None
        for size in range(min(known.longest, len(tokens) - place), 1, -1):
            if entry := known.find(" ".join(lower[place : place + size])):
                break
        else:
            size, entry = 1, _in_context(before, lower[place], lower[place + 1 : place + 2])
        said = " ".join(tokens[place : place + size])
        if entry is None:
            before = _Word(said, said, _UNKNOWN if said[0].isalnum() else "mark")
        else:
            before = _Word(said, entry.english, entry.kind, entry.infinitive)
        yield before
        place += size


def _in_context(before: _Word | None, form: str, following: Sequence[str]) -> Entry | None:
    """The reading of one word that fits its neighbours: `homem pinta`, `a pinta`; `cão velho`, `o velho`."""
    known = lexicon()
    plain = known.find(form)
    if plain is None or plain.kind == "word":
        return plain
    if before and before.kind in _THINGS | _QUALITIES:
        act = known.act(form)
        quality = known.quality(form) if before.kind in _THINGS or plain.kind in _QUALITIES else None
        return quality or act or plain
    if (quality := known.quality(form)) and following:
        after = known.find(following[0])
        of = before is not None and before.text.lower() in _OF
        if quality.kind == "colour" if of else after is not None and after.kind in _THINGS:
            return quality
    return plain


def _progressive(words: list[_Word]) -> list[_Word]:
    """`está a correr` is `is running`."""
    made: list[_Word] = []
    for word in words:
        if word.infinitive and made and made[-1].text.lower() in ("a", "ao"):
            made[-1] = _Word(word.text, english.gerund(word.english), word.kind)
        else:
            made.append(word)
    return made


def _worn(words: Sequence[_Word]) -> list[_Word]:
    """Clothes are worn, where Portuguese may say `usar`."""
    made = []
    for place, word in enumerate(words):
        thing = next((after for after in words[place + 1 : place + 4] if after.kind in _THINGS), None)
        if word.english in _WEAR and thing and (thing.kind == "clothing" or "glasses" in thing.english):
            word = _Word(word.text, _WEAR[word.english], word.kind)
        made.append(word)
    return made


def _in_order(words: Sequence[_Word]) -> list[_Word]:
    """With adjectives and materials before the noun, and `in` before what somebody wears."""
    made: list[_Word] = []
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if word.kind not in _THINGS:
            made.append(_linked(made, word, words[place : place + 1]))
            continue
        end = _qualities_end(words, place)
        qualities, place = list(words[place:end]), end
        material = _material(words[place : place + 2])
        if material:
            place += 2
            end = _qualities_end(words, place)
            qualities, place = [*qualities, *words[place:end]], end
        if word.english.rpartition(" ")[2] in _ON and made and made[-1].english.split()[0] == "in":
            made[-1] = _Word(made[-1].text, "on" + made[-1].english[2:], made[-1].kind)
        made += [*_turned(qualities), *([material] if material else []), word]
    return made


def _qualities_end(words: Sequence[_Word], place: int) -> int:
    """The place after the adjectives that begin at ``place``, `e` and words of degree among them counted."""
    while place < len(words):
        size = 1
        while place + size <= len(words) and _joins(words[place + size - 1]):
            size += 1
        last = place + size - 1
        if last >= len(words) or words[last].kind not in _QUALITIES:
            return place
        after = words[last + 1] if last + 1 < len(words) else None
        if size > 1 and words[place].text.lower() == "e" and after and after.kind in _THINGS:
            return place
        place = last + 1
    return place


def _joins(word: _Word) -> bool:
    return word.text.lower() == "e" or (word.kind == "word" and word.english in _DEGREES)


def _turned(qualities: list[_Word]) -> list[_Word]:
    """Adjectives in English order, the last first; those joined by `e` stay as they are."""
    if any(_joins(word) for word in qualities):
        return qualities
    return qualities[::-1]


def _material(words: Sequence[_Word]) -> _Word | None:
    """The material of `de madeira`."""
    if len(words) == 2 and words[0].text.lower() in _OF and words[1].kind == "material":
        return _Word(words[1].text, _MADE_OF.get(words[1].english, words[1].english), "material")
    return None


def _linked(made: Sequence[_Word], word: _Word, following: Sequence[_Word]) -> _Word:
    """`homem de chapéu` is a man in a hat, `cão de orelhas compridas` a dog with long ears."""
    if not following:
        return word
    if made and word.english == _THROUGH and made[-1].english.endswith("ed"):
        return _Word(word.text, "by the", word.kind)
    if word.text.lower() not in _OF:
        return word
    if not made:
        return word
    wearer = any(before.kind == "person" for before in made[-3:])
    if following[0].kind in ("clothing", "colour") and wearer:
        return _Word(word.text, "in", word.kind)
    if following[0].kind == "body":
        return _Word(word.text, "with", word.kind)
    return word
