from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.citations import NO_CITATION, Checked, check
from rag.pipeline import number
from rag.types import Citation, Evidence
from tests.rag.generation.conftest import photo

Pieces = Callable[..., tuple[Evidence, ...]]


@pytest.fixture
def pieces() -> Pieces:
    """Numbered evidence with the given captions."""

    def make(*captions: str) -> tuple[Evidence, ...]:
        return number([photo(caption, n=n) for n, caption in enumerate(captions, start=1)])

    return make


MARKER = re.compile(r"\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")

answers = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from([" ", ".", ",", "\n", "[", "]", "cat", "[]", "[x]", "!", "![", "<", "](", "\0"]),
        st.lists(st.integers(0, 12), min_size=1, max_size=3).map(lambda n: f"[{', '.join(map(str, n))}]"),
    ),
    max_size=12,
).map("".join)
shared_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


@given(text=answers)
@shared_fixture
def test_every_marker_left_points_at_evidence(pieces: Pieces, text: str) -> None:
    kept, citations, _ = check(text, pieces("a", "b", "c"))
    numbers = {int(number) for group in MARKER.findall(kept) for number in re.findall(r"\d+", group)}
    assert numbers <= {1, 2, 3}
    assert {citation.marker for citation in citations} == numbers


@given(text=answers)
@shared_fixture
def test_checking_twice_changes_nothing_more(pieces: Pieces, text: str) -> None:
    once, citations, _ = check(text, pieces("a", "b", "c"))
    again, same, _ = check(once, pieces("a", "b", "c"))
    assert (again, same) == (once, citations)


@given(text=st.text(st.characters(exclude_characters="\0!<", exclude_categories=["Nd", "Cs"])))
@shared_fixture
def test_text_without_markers_is_unchanged_and_warned_of(pieces: Pieces, text: str) -> None:
    assert check(text, pieces("a")) == (text, (), (NO_CITATION,))


@pytest.mark.parametrize(
    ("given_text", "kept", "markers"),
    [
        ("A cat [1] and a dog [2].", "A cat [1] and a dog [2].", [1, 2]),
        ("A cat [1, 2].", "A cat [1, 2].", [1, 2]),
        ("A cat [2][1].", "A cat [2][1].", [2, 1]),
        ("A cat [7].", "A cat.", []),
        ("A cat [7] sits.", "A cat sits.", []),
        ("A cat [1][7], asleep.", "A cat [1], asleep.", [1]),
        ("A cat [1, 7; 2].", "A cat [1, 2].", [1, 2]),
        ("A cat [1] [1].", "A cat [1] [1].", [1]),
        ("A cat [7]\nA dog [2]", "A cat\nA dog [2]", [2]),
        ("A cat [0].", "A cat.", []),
        ("A cat![1] Yes!", "A cat! [1] Yes!", [1]),
        ("See ![x](https://e.example/?q=1).", "See ! [x](https://e.example/?q=1).", []),
        ("See ![1](https://e.example/?q=1).", "See ! [1](https://e.example/?q=1).", [1]),
        ("<img src=https://e.example> [1]", "< img src=https://e.example> [1]", [1]),
        ("<[7]IMG src=x> <p style=y>", "< IMG src=x> < p style=y>", []),
        ("3 < 4 <- 5 <3", "3 < 4 <- 5 <3", []),
    ],
)
def test_forms_of_markers(pieces: Pieces, given_text: str, kept: str, markers: list[int]) -> None:
    text, citations, _ = check(given_text, pieces("a", "b"))
    assert text == kept
    assert [citation.marker for citation in citations] == markers


def test_a_citation_names_its_item_and_source(pieces: Pieces) -> None:
    (citation,) = check("A dog [2].", pieces("a", "b"))[1]
    assert (citation.item_id, citation.source) == ("item-2", "2.jpg")


def test_a_marker_that_points_at_nothing_is_warned_of_once(pieces: Pieces) -> None:
    warnings = check("A [7] b [7] c [1].", pieces("a"))[2]
    assert len(warnings) == 1
    assert "[7]" in warnings[0]


@given(text=answers, cuts=st.lists(st.integers(0, 60), max_size=8))
@shared_fixture
def test_in_pieces_it_is_the_same_text(pieces: Pieces, text: str, cuts: list[int]) -> None:
    evidence = pieces("a", "b", "c")
    checked = Checked(evidence)
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    shown = [checked.feed(text[start:end]) for start, end in pairwise(places)]
    shown.append(checked.end())
    assert ("".join(shown), checked.citations, checked.warnings) == _whole(text, evidence)


@given(text=st.text(st.sampled_from("a ![](19,.\n<"), max_size=10))
@shared_fixture
def test_no_picture_is_let_through_also_character_by_character(pieces: Pieces, text: str) -> None:
    evidence = pieces("a")
    checked = Checked(evidence)
    shown = "".join(checked.feed(character) for character in text) + checked.end()
    assert (shown, checked.citations, checked.warnings) == check(text, evidence)
    assert not re.search(r"!\[|<[a-z]", shown)


def _whole(text: str, evidence: tuple[Evidence, ...]) -> tuple[str, tuple[Citation, ...], tuple[str, ...]]:
    return check(text, evidence)


def test_what_can_be_shown_is_not_kept_back(pieces: Pieces) -> None:
    checked = Checked(pieces("a"))
    assert checked.feed("A cat") == "A cat"
    assert checked.feed(" sits [") == " sits"
    assert checked.feed("7") == ""
    assert checked.feed("] down") == " down"
    assert checked.feed(" [1") == ""
    assert checked.feed("].") == " [1]."
    assert checked.feed(" So!") == " So"
    assert checked.feed(" <") == "!"
    assert checked.feed("3") == " <3"
