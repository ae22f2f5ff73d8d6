"""Languages are said: a question outside a model's languages is warned about, with the remedy."""

from __future__ import annotations

import pytest

from rag.languages import detect, warning


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is the man in the dark coat doing?", "en"),
        ("O que o homem de casaco escuro está fazendo?", "pt"),
        ("Qual é a cor do traje do astronauta?", "pt"),
        ("Was macht der Mann mit dem dunklen Mantel?", "de"),
        ("照片里的那个人在做什么", "zh"),
        ("dog", None),
        ("", None),
    ],
)
def test_detects_the_language(text: str, code: str | None) -> None:
    assert detect(text) == code


def test_a_known_language_gives_no_warning() -> None:
    assert warning("Where is the dog running?", ("en",), model="m", setting="S") is None


def test_a_model_of_undeclared_languages_gives_no_warning() -> None:
    assert warning("Onde está o cachorro que corre?", (), model="m", setting="S") is None


def test_an_unknown_language_is_warned_about_with_the_remedy() -> None:
    said = warning(
        "Onde está o cachorro que corre na praia?", ("en",), model="compact", setting="OLHAR_ENCODER"
    )
    assert said is not None
    for part in ("Portuguese", "compact", "English", "OLHAR_ENCODER"):
        assert part in said
