"""Pairs with known answers, by which a reranker shows that its scores mean something.

Each text answers one question and none of the others: a model that likes some texts, says yes to all, or
looks at nothing but the question fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.rerankers.combining import log_odds
from rag.rerankers.scorer import Pair
from rag.types import Pixels

LEAST_MARGIN = 1.0
"""Log-odds by which the right answers have to lie above the wrong ones, on average."""

TEXTS: Mapping[str, Mapping[str, str]] = {
    "English": {
        "Where does the dog run?": "Caption: A brown dog runs along the beach beside the waves.",
        "What stands on the table?": "Caption: Two cups of coffee stand on a wooden table. Tags: breakfast",
        "When does the museum open?": "page 2 of Visitors: The museum opens at nine, except on Mondays.",
    },
    "Portuguese": {
        "Onde está o barco vermelho?": "Caption: Um barco vermelho está parado no porto.",
        "Quem toca violão?": "Caption: Uma menina de chapéu toca violão na praça. Tags: música",
        "Quanto custa o bilhete do trem?": "page 1 of Tarifas: O bilhete do trem custa doze reais.",
    },
}
"""By language: questions, each with the text that answers it."""

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (220, 20, 20),
    "green": (20, 170, 40),
    "blue": (30, 50, 210),
}
PICTURES: Mapping[str, Mapping[str, str]] = {
    "English": {f"a picture that is all {colour}": f"self-test-{colour}" for colour in COLOURS},
    "Portuguese": {
        "uma imagem toda vermelha": "self-test-red",
        "uma imagem toda verde": "self-test-green",
        "uma imagem toda azul": "self-test-blue",
    },
}
"""As TEXTS, with names of pictures; ``drawn`` has them."""
SIDE = 224


@dataclass(frozen=True, slots=True)
class Known:
    """A pair with its answer."""

    language: str
    pair: Pair
    right: bool


def known_pairs(*, sees: bool) -> tuple[Known, ...]:
    """The pairs of all languages: of texts, or for a model that ``sees`` of pictures without a word."""
    return tuple(
        known
        for language, asked in (PICTURES if sees else TEXTS).items()
        for known in _both(language, asked, sees)
    )


def by_language(*, sees: bool) -> Iterator[tuple[Known, ...]]:
    """As ``known_pairs``, one language after the other."""
    known = known_pairs(sees=sees)
    for language in dict.fromkeys(one.language for one in known):
        yield tuple(one for one in known if one.language == language)


def separation(known: Sequence[Known], scores: Sequence[float]) -> str:
    """Why these probabilities for the pairs of a language do not tell right from wrong; empty when they do.

    The worst right pair has to lie above the best wrong one, and the means at least LEAST_MARGIN apart.
    """
    right, wrong = (
        [score for one, score in zip(known, scores, strict=True) if one.right is side]
        for side in (True, False)
    )
    apart = np.mean([log_odds(score) for score in right]) - np.mean([log_odds(score) for score in wrong])
    if min(right) > max(wrong) and apart >= LEAST_MARGIN:
        return ""
    return f"in {known[0].language} it gives a wrong pair {max(wrong):.2f} and a right one {min(right):.2f}"


def drawn(name: str) -> Pixels | None:
    """The picture of that name, shape (SIDE, SIDE, 3), or None when it is none of the self-test's."""
    colour = COLOURS.get(name.removeprefix("self-test-"))
    return None if colour is None else np.full((SIDE, SIDE, 3), colour, np.uint8)


def _both(language: str, asked: Mapping[str, str], sees: bool) -> Iterator[Known]:
    answers = list(asked.values())
    for place, (question, answer) in enumerate(asked.items()):
        for one, right in ((answer, True), (answers[place - 1], False)):
            yield Known(language, Pair(question, "", one) if sees else Pair(question, one), right)
