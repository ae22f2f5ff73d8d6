"""Languages are said: a question outside a model's languages is warned about, with the remedy."""

from __future__ import annotations

import pytest

from rag.languages import Reader, combined, detect, unknown_words, warning


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


QUESTION = "Onde está o cachorro que corre na praia?"
FINDER = Reader("the encoder e", ("en",), "OLHAR_ENCODER", "photos may be missed")
WRITER = Reader("the language model w", ("en",), "OLHAR_LLM", "the answer may be wrong")


def test_several_models_are_warned_about_in_one_sentence() -> None:
    assert combined(QUESTION, (FINDER, WRITER)) == (
        "the question seems to be in Portuguese; the encoder e and the language model w know English only, "
        "so photos may be missed and the answer may be wrong. Ask in a language that is known, or set "
        "OLHAR_ENCODER and OLHAR_LLM to multilingual models"
    )


def test_each_model_is_said_to_know_its_own_languages() -> None:
    said = combined(QUESTION, (FINDER, Reader("w", ("de", "fr"), "OLHAR_LLM", "the answer may be wrong")))
    assert said is not None
    assert "e knows English only" in said
    assert "w knows German, French only, so the answer may be wrong" in said


def test_only_models_that_lack_the_language_are_named() -> None:
    knowing = Reader("k", ("en", "pt"), "OLHAR_ENCODER", "photos may be missed")
    said = combined(QUESTION, (knowing, WRITER))
    assert said is not None
    assert "OLHAR_ENCODER" not in said
    assert said.endswith("set OLHAR_LLM to a multilingual model")
    assert combined(QUESTION, (knowing,)) is None
    assert combined(QUESTION, ()) is None


def test_unknown_words_are_named_with_the_remedy() -> None:
    assert unknown_words((), "compact") is None
    said = unknown_words(("xpto", "qwerty"), "compact")
    assert said is not None
    for part in ("“xpto”, “qwerty”", "compact", "OLHAR_ENCODER"):
        assert part in said
    many = unknown_words(tuple(f"w{i}" for i in range(9)), "compact")
    assert many is not None
    assert "“w4”…" in many
    assert "w5" not in many
