"""Forms of Portuguese words, by rule. A phrase is inflected in the words before its preposition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

Form = Literal["infinitive", "third", "plural", "past", "gerund", "participle", "other"]

_LINKS = frozenset(
    [
        "a",
        "ao",
        "aos",
        "as",
        "à",
        "às",
        "com",
        "da",
        "das",
        "de",
        "do",
        "dos",
        "em",
        "no",
        "na",
        "para",
        "por",
        "sem",
        "e",
    ]
)
_MANY = {"ão": "ões", "al": "ais", "el": "éis", "ol": "óis", "ul": "uis", "m": "ns", "ês": "eses"}
_PLURALS = {
    "cão": ("cães",),
    "pão": ("pães",),
    "mão": ("mãos",),
    "irmão": ("irmãos",),
    "cidadão": ("cidadãos",),
    "órgão": ("órgãos",),
    "alemão": ("alemães",),
    "capitão": ("capitães",),
    "ancião": ("anciãos", "anciães"),
    "verão": ("verões",),
    "grão": ("grãos",),
    "mal": ("males",),
    "gol": ("gols", "golos"),
}
_FEMININES = {
    "mau": "má",
    "bom": "boa",
    "nu": "nua",
    "cru": "crua",
    "ator": "atriz",
    "europeu": "europeia",
    "judeu": "judia",
    "alemão": "alemã",
    "cristão": "cristã",
    "espanhol": "espanhola",
    "campeão": "campeã",
    "são": "sã",
}
_IRREGULAR: dict[str, tuple[str, str, str, str, str, str]] = {
    # third person, third person plural, past and imperfect, gerund, participle, other
    "dar": ("dá", "dão", "deu deram dava davam dei", "dando", "dado", "dou damos dê deem dará daria"),
    "estar": (
        "está tá",
        "estão",
        "esteve estava estavam estiveram",
        "estando",
        "estado",
        "estou estamos esteja estejam",
    ),
    "fazer": ("faz", "fazem", "fez fizeram fazia faziam fiz", "fazendo", "feito", "faço faça façam fará"),
    "ver": ("vê", "veem vêem", "viu viram via viam vi", "vendo", "visto", "vejo vemos veja vejam verá"),
    "ler": ("lê", "leem lêem", "leu leram lia liam li", "lendo", "lido", "leio lemos leia leiam lerá"),
    "rir": ("ri", "riem", "riu riram ria riam", "rindo", "rido", "rio rimos"),
    "sorrir": (
        "sorri",
        "sorriem",
        "sorriu sorriram sorria sorriam",
        "sorrindo",
        "sorrido",
        "sorrio sorrimos",
    ),
    "ser": ("é", "são", "foi foram era eram", "sendo", "sido", "seja sejam será serão seria"),
    "ter": ("tem", "têm", "teve tiveram tinha tinham", "tendo", "tido", "tenho temos tenha tenham terá"),
    "ir": ("vai", "vão", "foi foram ia iam", "indo", "ido", "vou vamos vá irá"),
    "dizer": ("diz", "dizem", "disse disseram dizia diziam", "dizendo", "dito", "digo diga digam"),
    "trazer": ("traz", "trazem", "trouxe trouxeram trazia traziam", "trazendo", "trazido", "trago traga"),
    "cair": ("cai", "caem", "caiu caíram caía caíam", "caindo", "caído", "caio caímos caia caiam"),
    "sair": ("sai", "saem", "saiu saíram saía saíam", "saindo", "saído", "saio saímos saia saiam"),
    "pôr": ("põe", "põem", "pôs puseram punha punham", "pondo", "posto", "ponho ponha pomos"),
    "conduzir": ("conduz", "conduzem", "conduziu conduzia conduziram", "conduzindo", "conduzido", "conduza"),
    "produzir": ("produz", "produzem", "produziu produzia", "produzindo", "produzido", "produza"),
    "abrir": ("abre", "abrem", "abriu abriram abria abriam", "abrindo", "aberto", "abro abra abram"),
    "cobrir": ("cobre", "cobrem", "cobriu cobria cobriram", "cobrindo", "coberto", "cubro cubra"),
    "escrever": (
        "escreve",
        "escrevem",
        "escreveu escreveram escrevia",
        "escrevendo",
        "escrito",
        "escrevo escreva",
    ),
}
_BREAKING = frozenset(["acudir", "cuspir", "fugir", "sacudir", "subir", "sumir"])
"""Their u becomes o in the third person: sobe, foge."""


def plurals(phrase: str) -> Iterator[str]:
    """The plural forms of a noun or adjective; none for one that is plural already."""
    words = phrase.split()
    head = _head(words)
    changed = [_plural(word) for word in words[:head]]
    if head > 1:
        yield " ".join([*(forms[0] for forms in changed), *words[head:]])
    for form in changed[0]:
        yield " ".join([form, *words[1:]])


def feminine(phrase: str) -> str | None:
    """The feminine of a noun or adjective; None where it has no form of its own."""
    words = phrase.split()
    head = _head(words)
    changed = " ".join([*(_feminine(word) for word in words[:head]), *words[head:]])
    return None if changed == phrase else changed


def conjugate(phrase: str) -> Iterator[tuple[str, Form]]:
    """Forms of a verb in the infinitive, with what each is; what follows the verb stays."""
    verb, space, rest = phrase.partition(" ")
    for form, kind in _conjugate(verb):
        yield form + space + rest, kind


def _conjugate(verb: str) -> Iterator[tuple[str, Form]]:
    yield verb, "infinitive"
    if verb in _IRREGULAR:
        yield from _irregular(*_IRREGULAR[verb])
        return
    stem, ending = verb[:-2], verb[-2:]
    hard, soft = _spelt(stem, ending)
    endings = {
        "ar": ("a", "am", "ou aram ei ava avam ávamos asse", "ando", "ado", "o amos"),
        "er": ("e", "em", "eu eram i ia iam esse", "endo", "ido", "emos"),
        "ir": ("e", "em", "iu iram i ia iam isse", "indo", "ido", "imos"),
    }.get(ending)
    if endings is None:
        return
    third, plural, pasts, gerund, participle, others = endings
    strong = stem + "i" if ending == "ar" and stem.endswith("e") else _broken(verb, stem)
    yield strong + third, "third"
    yield strong + plural, "plural"
    yield from ((stem + past, "past") for past in pasts.split())
    yield stem + gerund, "gerund"
    yield from ((stem + participle[:-1] + last, "participle") for last in ("o", "a", "os", "as"))
    yield from ((stem + other, "other") for other in others.split())
    yield hard + "o", "other"
    yield from ((soft + other, "other") for other in (("e", "em") if ending == "ar" else ("a", "am")))
    yield from ((verb + other, "other") for other in ("em", "mos", "á", "ão", "ia", "iam"))


def _irregular(
    third: str, plural: str, pasts: str, gerund: str, participle: str, others: str
) -> Iterator[tuple[str, Form]]:
    yield from ((form, "third") for form in third.split())
    yield from ((form, "plural") for form in plural.split())
    yield from ((form, "past") for form in pasts.split())
    yield gerund, "gerund"
    yield from ((participle[:-1] + last, "participle") for last in ("o", "a", "os", "as"))
    yield from ((form, "other") for form in others.split())


def _spelt(stem: str, ending: str) -> tuple[str, str]:
    """The stem before o, and that before the subjunctive's vowel, with its sound kept."""
    if ending == "ar":
        for letter, other in (("c", "qu"), ("g", "gu"), ("ç", "c")):
            if stem.endswith(letter):
                return stem, stem[:-1] + other
        return stem, stem
    for letter, other in (("gu", "g"), ("c", "ç"), ("g", "j")):
        if stem.endswith(letter):
            changed = stem[: -len(letter)] + other
            return changed, changed
    return stem, stem


def _broken(verb: str, stem: str) -> str:
    if verb not in _BREAKING:
        return stem
    place = stem.rindex("u")
    return stem[:place] + "o" + stem[place + 1 :]


def _head(words: Sequence[str]) -> int:
    """How many words stand before the preposition of a phrase."""
    return next((i for i, word in enumerate(words) if i and word in _LINKS), len(words))


def _feminine(word: str) -> str:
    if word in _FEMININES:
        return _FEMININES[word]
    for ending, other in (("ão", "ona"), ("ês", "esa"), ("or", "ora"), ("o", "a")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + other
    return word


def _plural(word: str) -> tuple[str, ...]:
    if word in _PLURALS:
        return _PLURALS[word]
    for ending, other in _MANY.items():
        if word.endswith(ending):
            return (word[: -len(ending)] + other,)
    if word.endswith("il"):
        return (word[:-2] + "is", word[:-2] + "eis")
    if word.endswith(("r", "z")):
        return (word + "es",)
    return (word,) if word.endswith(("s", "x")) else (word + "s",)
