"""Each sentence of an answer is held against the evidence that it cites."""

from __future__ import annotations

import pytest

from benchmarks.faithfulness import cases
from rag.errors import ModelUnavailable
from rag.faithfulness import Checker, sentences, share, supported
from rag.pipeline import number
from tests.rag.generation.conftest import photo

EVIDENCE = number([photo("A cat sleeps on a red sofa.", n=1), photo("Two dogs run.", n=2)])


class Judge:
    """Says yes to what has a word, or is away."""

    def __init__(self, word: str = "", *, away: bool = False) -> None:
        self.word = word
        self.away = away
        self.asked: list[tuple[str, str]] = []

    def supports(self, sentence: str, evidence: str) -> bool | None:
        self.asked.append((sentence, evidence))
        if self.away:
            raise ModelUnavailable("away")
        return self.word in sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cat. [1] A dog [2].", [("A cat.", (1,)), ("A dog .", (2,))]),
        ("It is 3.5 m long [1, 2]!", [("It is 3.5 m long !", (1, 2))]),
        ("A cat. (It sleeps.) [1]", [("A cat.", (1,)), ("(It sleeps.)", (1,))]),
        ("First.\nSecond [2]", [("First.", ()), ("Second", (2,))]),
        ("- one [1]\n- two", [("- one", (1,)), ("- two", ())]),
        ("… !", []),
    ],
)
def test_sentences_and_what_they_cite(text: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert list(sentences(text)) == expected


def test_what_was_written_before_is_told_apart_as_often_as_it_was_measured() -> None:
    right = {True: 0, False: 0}
    for case in cases():
        right[case["true"]] += (
            supported(case["sentence"].replace("[1]", ""), case["evidence"]) is case["true"]
        )
    assert (right[True], right[False]) == (16, 19)


def test_another_thing_number_colour_or_negation_is_not_supported() -> None:
    text = "Two children in blue coats sit on a green bench."
    assert supported("The children sit on a bench.", text)
    assert supported("2 children sit.", text)
    assert not supported("Three children sit on a bench.", text)
    assert not supported("The children sit on a blue bench.", text)
    assert not supported("The children do not sit.", text)
    assert not supported("The children sit on a horse.", text)
    assert share("The children ride a horse.", text) == pytest.approx(1 / 3)


def test_a_sentence_is_held_against_what_it_cites_and_nothing_else() -> None:
    found, warning = Checker().checked("A cat sleeps [1]. A cat sleeps [2]. A cat.", EVIDENCE, "words")
    assert [one.supported for one in found] == [True, False, False]
    assert [one.markers for one in found] == [(1,), (2,), ()]
    assert warning == ""


def test_it_is_off_unless_the_settings_or_the_question_say_otherwise() -> None:
    assert Checker().checked("A cat [1].", EVIDENCE, None) == ((), "")
    assert Checker("words").checked("A cat [1].", EVIDENCE, None)[0]
    assert Checker("words").checked("A cat [1].", EVIDENCE, "off") == ((), "")


def test_a_model_is_asked_about_each_sentence_with_its_evidence() -> None:
    judge = Judge("cat")
    found, _ = Checker("llm", judge).checked("A cat [1]. A whale [2]. Nothing.", EVIDENCE, None)
    assert [one.supported for one in found] == [True, False, False]
    assert judge.asked == [("A cat .", EVIDENCE[0].text), ("A whale .", EVIDENCE[1].text)]


def test_a_model_that_is_away_is_asked_once_and_said() -> None:
    judge = Judge(away=True)
    found, warning = Checker("llm", judge).checked("A cat [1]. A dog [2].", EVIDENCE, None)
    assert [one.supported for one in found] == [None, None]
    assert len(judge.asked) == 1
    assert warning.startswith("degraded")
