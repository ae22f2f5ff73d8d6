from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rag.generation.choosing import CLOSE, as_fitting, best
from rag.pipeline.evidence import number
from rag.types import Evidence, Hit
from tests.rag.generation.conftest import photo

Pieces = Callable[..., tuple[Evidence, ...]]


def scored(*said: tuple[str, float]) -> tuple[Evidence, ...]:
    """Evidence with these captions and scores."""
    hits: list[Hit] = [replace(photo(text, n=n), score=score) for n, (text, score) in enumerate(said, 1)]
    return number(hits)


def test_the_words_of_the_question_weigh_and_so_does_the_score() -> None:
    by_words = scored(("A dog runs.", 1.0), ("A dog runs on a beach.", 0.0))
    assert best("Which dog runs on a beach?", by_words) is by_words[1]
    far = scored(("A dog runs.", 9.0), ("A dog runs on a beach.", 0.0))
    assert best("Which dog runs on a beach?", far) is far[0]


def test_pieces_that_hold_the_same_words_and_are_nearly_as_relevant_fit_as_well() -> None:
    three = scored(
        ("A racing dog wears a number.", 0.5), ("A dog wears a muzzle, racing.", 0.0), ("A racing cat.", 0.4)
    )
    assert as_fitting("What does the racing dog wear?", three[0], three) == (three[1],)


def test_a_piece_that_is_far_less_relevant_does_not_fit_as_well() -> None:
    two = scored(("A racing dog wears a number.", CLOSE), ("A dog wears a muzzle, racing.", 0.0))
    assert as_fitting("What does the racing dog wear?", two[0], two) == ()


def test_what_lacks_the_number_that_is_asked_for_does_not_fit(pieces: Pieces) -> None:
    two = pieces("Five dogs race.", "A group of dogs race.")
    assert as_fitting("How many dogs race?", two[0], two) == ()


def test_nothing_fits_as_well_as_what_does_not_fit(pieces: Pieces) -> None:
    two = pieces("A red bus.", "A blue bus.")
    assert as_fitting("Who sings?", two[0], two) == ()
