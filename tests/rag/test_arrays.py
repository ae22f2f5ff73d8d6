"""A kept matrix is computed once, and is whole or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.arrays import cached
from rag.types import Matrix


def test_it_is_computed_once(tmp_path: Path) -> None:
    calls = []

    def make() -> Matrix:
        calls.append(1)
        return np.arange(6, dtype=np.float32).reshape(2, 3)

    first = cached(tmp_path / "deep" / "m.npy", make)
    np.testing.assert_array_equal(cached(tmp_path / "deep" / "m.npy", make), first)
    assert len(calls) == 1


def test_what_cannot_be_kept_is_given_all_the_same_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", broken)
    made = np.ones((1, 1), np.float32)
    np.testing.assert_array_equal(cached(tmp_path / "m.npy", lambda: made), made)
    assert list(tmp_path.iterdir()) == []
