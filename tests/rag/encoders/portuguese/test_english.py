"""English forms, of all words that the lexicon turns to."""

from __future__ import annotations

import pytest

from rag.encoders.compact.portuguese.english import gerund, past, plural, third


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"),
        ("police officer", "police officers"),
        ("old woman", "old women"),
        ("box", "boxes"),
        ("bus", "buses"),
        ("dress", "dresses"),
        ("city", "cities"),
        ("boy", "boys"),
        ("knife", "knives"),
        ("sunglasses", "sunglasses"),
        ("sheep", "sheep"),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("walk", ("walks", "walking", "walked")),
        ("jump rope", ("jumps rope", "jumping rope", "jumped rope")),
        ("hug", ("hugs", "hugging", "hugged")),
        ("carry", ("carries", "carrying", "carried")),
        ("wave", ("waves", "waving", "waved")),
        ("tie", ("ties", "tying", "tied")),
        ("watch", ("watches", "watching", "watched")),
        ("play", ("plays", "playing", "played")),
        ("argue", ("argues", "arguing", "argued")),
    ],
)
def test_verbs(verb: str, forms: tuple[str, str, str]) -> None:
    assert (third(verb), gerund(verb), past(verb)) == forms


@pytest.mark.parametrize(("verb", "form"), [("be", "being"), ("see", "seeing"), ("lie down", "lying down")])
def test_gerunds_of_their_own(verb: str, form: str) -> None:
    assert gerund(verb) == form
