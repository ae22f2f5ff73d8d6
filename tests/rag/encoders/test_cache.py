"""A query that comes again is not encoded again, and nobody notices but the clock."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rag.encoders.cache import LONGEST, MOST, RecentVectors
from rag.types import Matrix


class Counted:
    """Encodes a text as its length, and counts."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Matrix:
        self.calls.append(list(texts))
        return np.array([[len(text), 1] for text in texts], np.float32).reshape(len(texts), 2)


def test_a_text_is_encoded_once() -> None:
    encode = Counted()
    recent = RecentVectors(encode)
    first = recent(["a", "bb", "a"])
    again = recent(["bb", "ccc", "a"])
    assert encode.calls == [["a", "bb"], ["ccc"]]
    assert first.tolist() == [[1, 1], [2, 1], [1, 1]]
    assert again.tolist() == [[2, 1], [3, 1], [1, 1]]
    assert again.dtype == np.float32


def test_the_caller_may_change_what_it_gets() -> None:
    recent = RecentVectors(Counted())
    recent(["a"])[:] = 7
    recent(["a"])[:] = 7
    assert recent(["a"]).tolist() == [[1, 1]]


def test_the_texts_used_last_are_kept() -> None:
    encode = Counted()
    recent = RecentVectors(encode, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        recent([text])
    assert encode.calls == [["a"], ["b"], ["c"], ["b"]]


def test_more_texts_than_fit_are_still_answered() -> None:
    assert RecentVectors(Counted(), size=2)(["a", "bb", "ccc"])[:, 0].tolist() == [1, 2, 3]


def test_vocabularies_long_texts_and_nothing_are_passed_on_and_not_kept() -> None:
    encode = Counted()
    recent = RecentVectors(encode)
    many, long = [str(i) for i in range(MOST + 1)], "x" * (LONGEST + 1)
    for _ in range(2):
        recent(many)
        recent([long])
        assert recent([]).shape == (0, 2)
    assert len(encode.calls) == 6


def test_threads_get_their_own_texts() -> None:
    recent = RecentVectors(Counted(), size=5)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda n: recent(["x" * (n % 11)])[0, 0], range(500)))
    assert rows == [n % 11 for n in range(500)]
