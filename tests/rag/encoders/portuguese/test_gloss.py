"""Portuguese texts in English words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.encoders.compact.portuguese import in_english, is_portuguese, not_understood
from rag.encoders.compact.portuguese.lexicon import fold, read_rows

SENTENCES = [
    ("Um cão preto corre na praia.", "a black dog runs on the beach."),
    ("cachorrinhos", "puppies"),
    (
        "Dois homens de fato azul estão a conversar em frente de uma igreja",
        "two men in blue suit are talking in front of a church",
    ),
    ("uma mulher com uma camisa azul e branca", "a woman with a blue and white shirt"),
    ("homem com camisa azul e calças pretas", "man with blue shirt and black pants"),
    ("O velho está sentado num banco de madeira", "the old man is sitting on a wooden bench"),
    ("um homem velho", "a old man"),
    ("a jovem mulher", "the young woman"),
    ("Um cão de orelhas compridas", "a dog with long ears"),
    ("menina de vermelho", "girl in red"),
    ("um homem usando um capacete branco", "a man wearing a white helmet"),
    ("duas mulheres usam um computador", "two women use a computer"),
    ("o homem pinta a parede", "the man paints the wall"),
    ("os meninos jogam futebol num campo de relva", "the boys play soccer on a grass field"),
    ("Um homem nada na piscina", "a man swims in the pool"),
    ("um carrinho puxado pelo burro", "a cart pulled by the donkey"),
    ("o cão corre pela neve", "the dog runs through the snow"),
    ("Onde está o guarda-chuva vermelho?", "where is the red umbrella?"),
    ("Mostra-me fotos de gatinhos a dormir", "show me photos of kittens sleeping"),
    ("um gato muito grande", "a very large cat"),
    ("Quantas pessoas estão no barco?", "how many people are on the boat?"),
    ("uma praia em Coimbra com 3 barcos", "a beach in Coimbra with 3 boats"),
]


@pytest.mark.parametrize(("portuguese", "english"), SENTENCES)
def test_sentences(portuguese: str, english: str) -> None:
    assert in_english(portuguese) == english


PLAIN = [portuguese for portuguese, _ in SENTENCES if "está" not in portuguese]


@pytest.mark.parametrize("text", PLAIN)
def test_accents_and_capitals_are_the_writers_choice(text: str) -> None:
    meant = in_english(text).lower()
    assert in_english(fold(text)).lower() == meant
    assert in_english(text.upper()).lower() == meant


WORDS = sorted({word for _, meaning, _ in read_rows() for word in meaning.replace("/", " ").split()})


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join))
def test_english_passes_untouched(text: str) -> None:
    assert in_english(text) == text
    assert not_understood(text) == ()


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    said = in_english(text)
    assert len(said) <= 20 * len(text) + 20
    if not is_portuguese(text):
        assert said == text


FORMS = [portuguese for portuguese, _, _ in read_rows()]


@given(st.lists(st.one_of(st.sampled_from(FORMS), st.text(max_size=8)), max_size=12).map(" ".join))
def test_any_portuguese_is_taken(text: str) -> None:
    assert len(in_english(text)) <= 20 * len(text) + 20
    assert all(word in text for word in not_understood(text))


def test_lone_surrogates_are_taken() -> None:
    assert in_english("um cão \ud800 na praia").startswith("a dog")


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Um zorblax na praia com o zorblax", ("zorblax",)),
        ("A Maria corre em Coimbra", ()),
        ("o cão fofinho na relva", ()),
        ("a selfie com o iPhone 12 na praia", ()),
        ("a dog with a zorblax", ()),
    ],
)
def test_words_that_are_not_known_are_named(text: str, unknown: tuple[str, ...]) -> None:
    assert not_understood(text) == unknown
