"""The probability of yes, from whatever tokens a server gives."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rag.rerankers.verdicts import LEAST_MASS, Malformed, NoVerdict, yes_probability

SPELLINGS = st.sampled_from(["", " ", "▁", "Ġ", "\n"])
LETTERS = st.sampled_from([str.lower, str.upper, str.title])
OTHERS = st.text(min_size=1, max_size=5).filter(lambda t: t.strip(" \t\n▁Ġ").casefold() not in ("yes", "no"))


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[tuple[str, float]], float, float]:
    """Tokens in order of likelihood, and the masses of yes and no that are spread over them."""
    rows: list[tuple[str, float]] = []
    masses = {"yes": 0.0, "no": 0.0}
    parts = draw(st.lists(st.floats(1e-6, 1), min_size=2, max_size=8))
    total = sum(parts) * draw(st.floats(1, 1.5))
    for place, part in enumerate(parts):
        word = ("yes", "no")[place] if place < 2 else draw(st.sampled_from(["yes", "no", "other"]))
        text = draw(OTHERS) if word == "other" else draw(SPELLINGS) + draw(LETTERS)(word)
        rows.append((text, math.log(part / total)))
        if word in masses:
            masses[word] += part / total
    rows.sort(key=lambda row: -row[1])
    return rows, masses["yes"], masses["no"]


@given(answers())
def test_the_mass_of_all_spellings_is_added_up(given_: tuple[list[tuple[str, float]], float, float]) -> None:
    rows, yes, no = given_
    assume(yes + no >= LEAST_MASS * 1.01)
    assert yes_probability(rows) == pytest.approx(yes / (yes + no), rel=1e-6)


@given(st.lists(st.tuples(st.text(max_size=6) | st.sampled_from([" Yes", "no", "NO"]), st.floats())))
def test_whatever_comes_is_a_probability_or_no_verdict(rows: list[tuple[str, float]]) -> None:
    try:
        found = yes_probability(rows)
    except (NoVerdict, Malformed):
        return
    assert 0 <= found <= 1


@given(st.floats(0.06, 0.99), st.floats(0.001, 0.04))
def test_a_word_that_is_not_listed_is_no_likelier_than_the_last_that_is(yes: float, last: float) -> None:
    assume(yes + last < 1)
    rest = min(last, 1 - yes - last)
    rows = [("yes", math.log(yes)), ("maybe", math.log(last))]
    assert yes_probability(rows) == pytest.approx(yes / (yes + rest))
    rows[0] = ("no", rows[0][1])
    assert yes_probability(rows) == pytest.approx(rest / (yes + rest))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("yes", math.nan), ("no", -1.0)],
        [("yes", math.inf)],
        [("yes", 2.0)],
        [("yes", -0.1), ("no", -0.1)],
    ],
)
def test_numbers_that_are_no_log_probabilities_are_said(rows: list[tuple[str, float]]) -> None:
    with pytest.raises(Malformed):
        yes_probability(rows)


def test_an_answer_that_begins_otherwise_is_no_verdict() -> None:
    with pytest.raises(NoVerdict):
        yes_probability([("The", -0.1), ("yes", -9.0)])


def test_certainty_is_allowed() -> None:
    assert yes_probability([("yes", 0.0), ("no", -math.inf)]) == 1.0
    assert yes_probability([("no", 0.0)]) == 0.0
