from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.generation.grounding import (
    MAX_QUOTE,
    beside,
    content,
    coverage,
    guessed,
    lacks_what_is_asked,
    quote,
    supported,
    verdict,
)

DOG = "A brown dog runs along the beach with a red ball in its mouth."


def test_a_supported_sentence_keeps_its_evidence_beside_it() -> None:
    answer = supported("The dog has a red ball.", "What is the dog holding?", DOG)
    assert answer == f"The dog has a red ball. ({DOG})"


@pytest.mark.parametrize(
    "written",
    [
        "The dog is holding a blue frisbee.",
        "The dog is holding a red ball.",
        "The dog is a dog.",
        "The girl is under a tree.",
        "Yes.",
        "",
        "I don't know.",
        "The cat holds a ball.",
        "What is the dog holding?",
    ],
)
def test_what_the_evidence_does_not_say_is_never_said(written: str) -> None:
    assert supported(written, "What is the dog holding?", DOG) == DOG


def test_only_the_first_sentence_is_taken() -> None:
    answer = supported("A red ball. It was bought in Paris.", "What is the dog holding?", DOG)
    assert "Paris" not in answer
    assert answer.startswith("A red ball. (")


def test_an_answer_that_restates_the_evidence_needs_no_quote() -> None:
    assert (
        supported("Boats lie in the harbour.", "What is there?", "Boats lie in the harbour.").count("Boats")
        == 1
    )


@given(st.text(), st.text(), st.text(min_size=1))
def test_no_word_comes_from_elsewhere(written: str, question: str, statement: str) -> None:
    said = content(supported(written, question, statement))
    assert said <= content(statement)


RETINA = "The retina of an eye, orange, with branching blood vessels."


def test_what_only_the_question_says_is_no_fact() -> None:
    assert supported("The retina of an eye is a flower.", "Which flower is red?", RETINA) == RETINA
    assert supported("The retina of an eye is red.", "Which flower is red?", RETINA) == RETINA
    assert supported("The retina of an eye is orange.", "What colour is the retina?", RETINA) == (
        f"The retina of an eye is orange. ({RETINA})"
    )


@pytest.mark.parametrize(
    ("question", "statement", "answer"),
    [
        ("Is there a horse in the picture?", "A white horse grazes.", "Yes. (A white horse grazes.)"),
        ("Are there any dogs?", "Two dogs play.", "Yes. (Two dogs play.)"),
        ("Does the photo show a bridge?", "A stone bridge.", "Yes. (A stone bridge.)"),
        ("Is there a dog?", "A white horse grazes.", "A white horse grazes."),
        ("Is there a dog?", "A yard without a dog.", "A yard without a dog."),
        ("Is the shop open?", "A shop with a closed door.", "A shop with a closed door."),
        ("Does the dog chase the cat?", "A cat chases a dog.", "A cat chases a dog."),
    ],
)
def test_yes_only_for_what_the_evidence_names(question: str, statement: str, answer: str) -> None:
    assert verdict(question, statement) == answer


@pytest.mark.parametrize("question", ["What is it?", "Who is it?", "Can you tell me what it is?", "Island?"])
def test_other_questions_have_no_verdict(question: str) -> None:
    assert verdict(question, DOG) is None


def test_labels_are_given_as_a_guess() -> None:
    assert guessed(["espresso", "cup"]) == (
        "The photo looks like: espresso; cup. (A guess from its pixels; it has no caption.)"
    )


def test_labels_with_text_in_the_picture() -> None:
    said = guessed(["street sign"], "Text in the picture: STOP")
    assert "street sign." in said
    assert said.endswith("Text in the picture: STOP.")


@pytest.mark.parametrize(
    ("question", "is_beside"),
    [
        ("Which flower is blue?", True),
        ("Which dog is red?", False),
        ("Is there a beach?", False),
        ("What is this?", False),
        ("", False),
    ],
)
def test_a_statement_beside_the_question_shares_none_of_its_words(question: str, is_beside: bool) -> None:
    assert beside(question, DOG) is is_beside


def test_of_a_long_text_the_fitting_sentence_is_quoted() -> None:
    text = " ".join(f"Sentence {n} is about nothing." for n in range(40)) + " The harbour opened in 1901."
    assert quote(text, "When did the harbour open?") == "The harbour opened in 1901."
    assert len(quote("word " * 500, "word")) <= MAX_QUOTE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sleeping", "sleeps"),
        ("running", "runs"),
        ("slices", "slicing"),
        ("boat", "boats"),
        ("carry", "carries"),
        ("carried", "carrying"),
        *(
            (one, f"{one}s")
            for one in ("shoe", "canoe", "toe", "movie", "cookie", "tie", "pie", "lie", "axe", "ski")
        ),
        *((one, f"{one}es") for one in ("potato", "tomato", "hero", "volcano")),
        ("lies", "lying"),
        ("avião", "aviões"),
        ("coração", "corações"),
    ],
)
def test_endings_do_not_matter(one: str, other: str) -> None:
    assert content(one) == content(other)


def test_one_of_a_thing_answers_for_many() -> None:
    assert not beside("Where is the canoe?", "Two canoes on a lake.")
    assert coverage("Where is the canoe?", "Two canoes on a lake.") == 1.0
    assert (
        verdict("Are there shoes in the photo?", "A single shoe on a rock.")
        == "Yes. (A single shoe on a rock.)"
    )
    assert supported("A tomato is red.", "What is red?", "Red tomatoes in a bowl.").startswith(
        "A tomato is red."
    )


@pytest.mark.parametrize(
    ("one", "other"), [("polo", "pole"), ("cookie", "cook"), ("toe", "top"), ("swan", "swam")]
)
def test_words_that_look_alike_answer_for_no_other(one: str, other: str) -> None:
    assert beside(f"Where is the {one}?", f"A {other} in the park.")


@pytest.mark.parametrize(
    ("question", "statement", "lacks"),
    [
        ("How many dogs are in the race?", "A group of dogs racing.", True),
        ("How many dogs are in the race?", "A 5 dog race.", False),
        ("how many people?", "Two people wave.", False),
        ("How many people?", "Nobody waves, a crowd sits.", True),
        ("What colour is the kite?", "A boy flies a kite.", True),
        ("What color is the kite?", "A boy flies a red kite.", False),
        ("What is the boy flying?", "A boy flies a kite.", False),
    ],
)
def test_a_question_for_a_number_or_a_colour_lacks_it(question: str, statement: str, lacks: bool) -> None:
    assert lacks_what_is_asked(question, statement) is lacks


def test_the_share_of_the_questions_words_in_a_statement() -> None:
    assert coverage("Where is the brown dog?", "A dog runs.") == 0.5
    assert coverage("What is it?", "A dog runs.") == 0.0
