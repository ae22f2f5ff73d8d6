"""Folding makes one word of its spellings, and leaves other scripts readable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.folding import fold, fold_query, query_stems, stem, stems


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("São Paulo", "sao paulo"),
        ("ÇÃO Ñandú", "cao nandu"),
        ("Straße", "strasse"),
        ("ﬁne № ①", "fine no 1"),
        ("IMG_0042 golden_retriever", "img 0042 golden retriever"),
        ("Ёлка", "елка"),
        ("Άνθρωπος", "ανθρωποσ"),
        ("हिन्दी", "हिन्दी"),
        ("한국어", "한국어"),
        ("がくせい", "が く せ い"),
        ("東京tower", "東 京 tower"),
        ("ไทย", "ไ ท ย"),
        ("עִבְרִית", "עִבְרִית"),
        ("  a \n b ", "a b"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@settings(database=None)
@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("What is the cat doing on the sofa?", "cat doing sofa"),
        ("Onde está o gato?", "gato"),
        ("Quais são as fotos da praia?", "praia"),
        ("the", "the"),
        ("To be or not", "not"),
        ("¿?…", ""),
    ],
)
def test_a_query_drops_stop_words_unless_nothing_would_be_left(query: str, words: str) -> None:
    assert fold_query(query) == words


IN_AO = ("aviao", "coracao", "leao", "caminhao", "limao", "botao")
IN_OE = ("shoe", "canoe", "toe", "horseshoe", "hoe", "oboe", "tiptoe")
IN_IE = ("movie", "cookie", "tie", "pie", "selfie", "zombie", "hoodie", "collie", "lie", "die")
IN_I = ("ski", "taxi", "bikini", "kiwi")
IN_O = ("potato", "tomato", "hero", "volcano", "mango", "echo", "buffalo")


@pytest.mark.parametrize(
    "forms",
    [
        "dog dogs", "run runs running", "ride rides riding", "jump jumps jumped jumping", "box boxes",
        "carry carries carried carrying", "try tries tried trying", "ski skied skiing",
        "baby babies", "dress dresses", "cachorro cachorra cachorros cachorras", "jovem jovens",
        "balao baloes", "animal animais", "correndo corre", "pulando pula",
        "senhor senhora senhores senhoras", "chapeu chapeus", "azul azuis", "serie series",
        "jardim jardins", "amendoim amendoins", "trem trens", "irmao irmaos", "cao caes", "flor flores",
        *(f"{one} {one.removesuffix('ao')}oes" for one in IN_AO),
        *(f"{one} {one}s" for one in IN_OE + IN_IE + IN_I), *(f"{one} {one}es" for one in IN_O),
        "tie ties tied tying", "lie lies lied lying", "die dies died dying", "canoe canoes canoeing",
        "axe axes", "eye eyes", "lens lenses", "menu menus", "cactus cactuses", "bus buses", "iris irises",
        "gas gases", "house houses housing", "party parties", "sky skies", "spy spies spied",
    ],
)  # fmt: skip
def test_forms_of_a_word_meet(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "apart",
    [
        "red reed ride", "bus business", "glass glad", "cat cart", "speed spell", "polo pole", "data date",
        "pasta paste", "soda sod", "canoe can cano", "toe to", "shoe show", "shoe shore", "hero her",
        "cookie cook", "hoodie hood", "selfie self", "movie move", "zombie zoom", "sky ski", "pie pit",
        "mango mangle", "balao bala", "caminhao caminho", "limao lima", "cartao carta", "avo aviao",
        "portao porta", "swam swan", "beam bean", "worm worn", "loom loon", "skim skin", "grim grin",
        "statue status", "axe axis", "flora flor", "tie tin",
    ],
)  # fmt: skip
def test_other_words_stay_apart(apart: str) -> None:
    assert len({stem(word) for word in apart.split()}) == len(apart.split())


def test_a_question_and_a_text_meet_by_their_stems() -> None:
    assert query_stems("Where are the dogs running?") == stems("a dog runs") - {"a"}
    assert query_stems("¿犬?") == {"犬"}
