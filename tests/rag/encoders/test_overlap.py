"""Items are prepared ahead of the one who works on them, in their order."""

from __future__ import annotations

import threading

import pytest

from rag.encoders.overlap import AHEAD, overlapped


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 32, 33])
def test_every_item_once_in_order_and_in_batches(n: int) -> None:
    batches = list(overlapped(range(n), lambda item: item * 2, batch=4))
    assert [item for batch in batches for item in batch] == [2 * i for i in range(n)]
    assert all(len(batch) == 4 for batch in batches[:-1])


def test_the_next_batches_are_prepared_while_one_is_worked_on_and_no_more() -> None:
    ready = [threading.Event() for _ in range(40)]

    def prepare(item: int) -> int:
        ready[item].set()
        return item

    batches = overlapped(range(40), prepare, batch=4, workers=2)
    next(batches)
    last = 4 * (1 + AHEAD + 1)
    assert all(event.wait(10) for event in ready[:last])
    assert not any(event.is_set() for event in ready[last:])
    batches.close()  # type: ignore[attr-defined]  # a generator


def test_what_preparing_raises_is_raised_to_the_caller() -> None:
    def prepare(item: int) -> int:
        if item == 9:
            raise ValueError("nine")
        return item

    with pytest.raises(ValueError, match="nine"):
        list(overlapped(range(100), prepare, batch=4))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("olhar-prepare")]
