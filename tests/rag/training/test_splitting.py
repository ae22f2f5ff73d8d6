"""Some photos are held back, by the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.training.splitting import held_back


@given(count=st.integers(2, 300), share=st.floats(0, 0.5), seed=st.integers(0, 9))
def test_every_photo_is_on_one_side_and_neither_is_empty(count: int, share: float, seed: int) -> None:
    training, held = held_back(count, share, seed, source="x")
    assert sorted([*training, *held]) == list(range(count))
    assert len(training) >= 1
    assert len(held) == min(count - 1, max(1, round(share * count)))
    again = held_back(count, share, seed, source="x")
    assert np.array_equal(again[1], held)


def test_one_photo_is_too_few_and_the_data_set_is_named() -> None:
    with pytest.raises(InvalidInput, match="mine"):
        held_back(1, 0.5, 0, source="mine")
