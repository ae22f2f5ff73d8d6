"""What is said reaches the reader at once; thoughts never do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.generation.speech import Speech
from rag.types import NOT_FOUND

spoken = st.lists(
    st.one_of(st.text(max_size=6), st.sampled_from(["<think>", "</think>", " ", "\n", "sorry, ", NOT_FOUND])),
    max_size=8,
).map("".join)


def said(*pieces: str) -> str:
    speech = Speech()
    return "".join([*map(speech.feed, pieces), speech.end()])


@given(text=spoken, cuts=st.lists(st.integers(0, 60), max_size=6))
def test_in_pieces_it_is_the_same(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    assert said(*(text[start:end] for start, end in pairwise(places))) == said(text)


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("A cat.", "A cat."),
        ("\n A cat. \n", "A cat."),
        ("<think>Hm.</think>\n\nA cat.", "A cat."),
        ("<think>Hm. A cat", ""),
        ("<think></think><think>again</think> A cat.", "A cat."),
        ("A <think>cat</think>.", "A <think>cat</think>."),
        ("<thin air", "<thin air"),
        ("", ""),
    ],
)
def test_thoughts_and_space_around_are_not_said(written: str, heard: str) -> None:
    assert said(written) == heard
    assert said(*written) == heard


def test_words_are_handed_on_as_they_come() -> None:
    speech = Speech()
    assert [speech.feed(word) for word in ("A", " cat", " ", "\n", "sits")] == [
        "A",
        " cat",
        "",
        "",
        " \nsits",
    ]


def test_what_may_be_a_refusal_waits_for_its_end() -> None:
    speech = Speech()
    assert [speech.feed(word) for word in ("This", " is not", " in this collection", ". [1]")] == [""] * 4
    assert speech.end() == f"{NOT_FOUND} [1]"
    portuguese = Speech()
    assert [portuguese.feed(word) for word in ("Desculpe, ", "mas isso não", " está nesta coleção")] == [
        ""
    ] * 3
    other = Speech()
    assert [other.feed(word) for word in ("This", " is", " a cat")] == ["", "", "This is a cat"]
