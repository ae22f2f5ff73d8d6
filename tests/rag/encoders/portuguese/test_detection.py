"""Portuguese is told from English and from its neighbours."""

from __future__ import annotations

import pytest

from rag.encoders.compact.classes import class_names, everyday_words
from rag.encoders.compact.portuguese import is_portuguese

PORTUGUESE = """
cão
pessoas
homem de chapéu
bicicleta vermelha
gato preto a dormir
praia ao pôr do sol
criança a rir
onde esta o gato
carro azul
Quem está a tocar viola?
pizza na mesa
surfista numa onda grande
DUAS MENINAS NA PRAIA
Um xpto faz qwerty na rua
""".strip().splitlines()

OTHERS = """
A black dog runs on the beach
Is there a casa near the beach?
no parking
a mesa in Utah
grande latte
do a show
piano
Un hombre con una camisa roja está montando en bicicleta
Dos niños juegan en la playa con una pelota
El perro negro corre por la hierba verde
tres personas caminan por la calle
un gato durmiendo en el sofá
caballos blancos corriendo
Un uomo con una maglia rossa corre nel parco
Due bambini giocano sulla spiaggia
tre cavalli bianchi in un campo
Un homme en chemise rouge fait du vélo
Deux enfants jouent sur la plage
chat sur le canapé
Ein Mann im roten Hemd fährt Fahrrad
Der schwarze Hund rennt über das Gras
照片里的那个人在做什么
Кошка на диване
12345 !?
""".strip().splitlines()


@pytest.mark.parametrize("text", PORTUGUESE)
def test_portuguese_is_found(text: str) -> None:
    assert is_portuguese(text)


@pytest.mark.parametrize("text", ["", *OTHERS])
def test_other_languages_are_not(text: str) -> None:
    assert not is_portuguese(text)


def test_hardly_a_class_of_the_classifier_is_taken_for_portuguese() -> None:
    assert not [word for word in everyday_words() if is_portuguese(word)]
    # Latin names of animals look like it.
    assert sum(is_portuguese(name) for names in class_names() for name in names) <= 3
