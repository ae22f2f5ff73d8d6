"""Portuguese forms, by rule and by the table of exceptions."""

from __future__ import annotations

import pytest

from rag.encoders.compact.portuguese.inflection import conjugate, feminine, plurals


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("gato", "gatos"),
        ("homem", "homens"),
        ("avião", "aviões"),
        ("cão", "cães"),
        ("mão", "mãos"),
        ("animal", "animais"),
        ("papel", "papéis"),
        ("lençol", "lençóis"),
        ("barril", "barris"),
        ("flor", "flores"),
        ("japonês", "japoneses"),
        ("lápis", "lápis"),
        ("campo de futebol", "campos de futebol"),
        ("cadeira elétrica", "cadeiras elétricas"),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert many in plurals(one)


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("preto", "preta"),
        ("inglês", "inglesa"),
        ("cantor", "cantora"),
        ("mau", "má"),
        ("espanhol", "espanhola"),
        ("castanho claro", "castanha clara"),
        ("jogador de futebol", "jogadora de futebol"),
        ("azul", None),
        ("turista", None),
    ],
)
def test_feminines(word: str, form: str | None) -> None:
    assert feminine(word) == form


@pytest.mark.parametrize(
    ("verb", "form", "kind"),
    [
        ("correr", "corre", "third"),
        ("correr", "correm", "plural"),
        ("correr", "correu", "past"),
        ("correr", "corriam", "past"),
        ("saltar", "saltando", "gerund"),
        ("pintar", "pintadas", "participle"),
        ("subir", "sobe", "third"),
        ("passear", "passeiam", "plural"),
        ("fazer", "fez", "past"),
        ("ver", "vista", "participle"),
        ("tocar", "toque", "other"),
        ("jogar", "jogue", "other"),
        ("jogar futebol", "jogam futebol", "plural"),
    ],
)
def test_verbs(verb: str, form: str, kind: str) -> None:
    assert (form, kind) in list(conjugate(verb))


def test_a_verb_is_its_own_infinitive_once() -> None:
    assert [form for form, kind in conjugate("nadar") if kind == "infinitive"] == ["nadar"]
