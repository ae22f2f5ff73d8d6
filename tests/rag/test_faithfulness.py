"""Each sentence of an answer is held against the evidence that it cites."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from rag.errors import ModelUnavailable
from rag.faithfulness import Checker, sentences
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


def test_numbers_of_the_place_and_of_look_alikes_say_nothing_of_what_is_there() -> None:
    hit = photo("Dogs play in the snow.", n=1)
    item = replace(hit.item, parent_id="d" * 32, part="page-3", page=3, metadata={"title": "Winter"})
    (piece,) = number([replace(hit, item=item, duplicates=2)], {item.id: 3})
    assert (item.page, "page 3 of Winter" in piece.text, "5 more" in piece.text) == (3, True, True)
    answer = (
        "Three dogs play [1]. 3 dogs play [1]. Five dogs play [1]. On page 3 dogs play [1]. Dogs play [1]."
    )
    found, _ = Checker("words").checked(answer, [piece], None)
    assert [one.supported for one in found] == [False, False, False, True, True]


def test_numbers_of_a_moment_say_nothing_of_what_is_there() -> None:
    hit = photo("Dogs play in the snow.", n=1)
    item = replace(hit.item, parent_id="d" * 32, part="frame-2", metadata={"title": "Winter", "seconds": 3.0})
    pieces = number([replace(hit, item=item)])
    found, _ = Checker("words").checked("At 0:03 dogs play [1]. A dog 0:03 [1].", pieces, None)
    assert [one.supported for one in found] == [True, False]


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


def test_all_sentences_of_an_answer_share_one_deadline() -> None:
    passed = iter((0.0, 0.0, 60.0, 120.0, 120.0))
    judge = Judge("cat")
    checker = Checker("llm", judge, seconds=100, clock=lambda: next(passed))
    found, warning = checker.checked("A cat [1]. A whale [2]. A dog [2]. A fish [2].", EVIDENCE, None)
    assert [one.supported for one in found] == [True, False, None, None]
    assert len(judge.asked) == 2
    assert "within 100 s; raise OLHAR_LLM_ANSWER_SECONDS" in warning


def test_a_model_that_hangs_is_not_waited_for_longer() -> None:
    free = threading.Event()

    class Hangs(Judge):
        def supports(self, sentence: str, evidence: str) -> bool | None:
            free.wait(30)
            return super().supports(sentence, evidence)

    judge = Hangs()
    found, warning = Checker("llm", judge, seconds=0.05).checked("A cat [1]. A dog [2].", EVIDENCE, None)
    assert ([one.supported for one in found], judge.asked) == ([None, None], [])
    assert "within 0.05 s" in warning
    free.set()
