"""A text that is cut is said to be cut, whoever counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.encoders.lengths import overlong


def letters(text: str) -> int:
    """A tokenizer at its worst: a token for each byte, one before and one behind."""
    return len(text.encode()) + 2


@given(st.lists(st.text(max_size=40)), st.integers(1, 60))
def test_no_text_that_is_too_long_is_missed(texts: list[str], limit: int) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    every = {place: letters(text) for place, text in enumerate(texts)}
    assert overlong(texts, limit, letters) == {i: n for i, n in every.items() if n > limit}


def test_short_texts_are_not_cut_into_tokens() -> None:
    asked: list[str] = []
    overlong(["a dog", "x" * 100, "cão"], 20, lambda text: asked.append(text) or 1)  # type: ignore[func-returns-value]  # a note in passing
    assert asked == ["x" * 100, "cão"]


def test_without_a_limit_nothing_is_too_long() -> None:
    assert overlong(["x" * 10_000], 0, letters) == {}


def test_half_of_a_surrogate_pair_is_counted_too() -> None:
    assert overlong(["\ud800" * 30], 20, letters) == {0: 32}
