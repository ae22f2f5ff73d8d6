"""Computed once, whoever asks at the same time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.once import once


class Slow:
    def __init__(self) -> None:
        self.made = 0
        self.fail = False

    @once
    def part(self) -> object:
        """A part."""
        self.made += 1
        time.sleep(0.02)
        if self.fail:
            raise OSError("away")
        return object()


def test_threads_that_ask_together_get_one_object() -> None:
    slow = Slow()
    together = threading.Barrier(8)

    def ask(_: int) -> object:
        together.wait()
        return slow.part

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert slow.made == 1


def test_each_instance_has_its_own() -> None:
    assert Slow().part is not Slow().part


def test_a_failure_is_tried_again() -> None:
    slow = Slow()
    slow.fail = True
    with pytest.raises(OSError, match="away"):
        _ = slow.part
    slow.fail = False
    assert slow.part is slow.part
    assert slow.made == 2
