"""The words of a sentence are held against those of its evidence."""

from __future__ import annotations

import pytest

from benchmarks.faithfulness import cases
from rag.wording import share, supported


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


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("The photo looks like a dog.", "No caption. Looks like: dog; cat"),
        ("The harbour opens at nine.", "The harbour opens at nine. Dogs are not allowed."),
        ("Dogs are not allowed.", "The harbour opens at nine. Dogs are not allowed."),
        ("The dog runs on the beach.", "A dog without a collar runs on the beach."),
        ("No, the dog runs.", "A dog runs on the beach."),
        ("O gato dorme no sofá.", "Um gato dorme em um sofá."),
        ("O gato não dorme no sofá.", "Um gato não dorme num sofá."),
        ("A cat is awake.", "A cat wakes up."),
        ("There are 2, perhaps.", "Perhaps two."),
    ],
)
def test_what_is_denied_elsewhere_is_another_matter(sentence: str, evidence: str) -> None:
    assert supported(sentence, evidence)


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("There is no dog.", "Dog on the beach. Swimming is not allowed."),
        ("The photo shows no dog.", "A cat without a collar and a dog."),
        ("The man is not wearing a red hat.", "A man wearing a red hat, not a coat."),
        ("The dog isn’t asleep.", "A dog sleeps."),
        ("Dogs are allowed.", "The harbour opens at nine. Dogs are not allowed."),
        ("No.", "A dog runs."),
        ("Um homem sem chapéu no barco.", "Um homem com chapéu no barco."),
        ("Não há nenhum cão na praia.", "Um cão na praia."),
        ("The man is happy.", "An unhappy man."),
        ("The man is careless.", "The man takes care."),
        ("The dogs are three.", "The dogs are two."),
    ],
)
def test_what_one_denies_the_other_may_not_say(sentence: str, evidence: str) -> None:
    assert not supported(sentence, evidence)
