"""How many runs of a session are made side by side."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from rag.courtesy import PAUSE_S, Searches
from rag.encoders import sessions


@pytest.mark.parametrize(("cores", "searching", "most"), [(3, False, 3), (3, True, 2), (1, True, 1)])
def test_a_core_is_left_to_who_searches(
    monkeypatch: pytest.MonkeyPatch, cores: int, searching: bool, most: int
) -> None:
    searches = Searches(lambda: 10 * PAUSE_S)
    monkeypatch.setattr(sessions, "SEARCHES", searches)
    monkeypatch.setattr(sessions, "cores", lambda: cores)
    together = threading.Barrier(most)
    lock, now, seen = threading.Lock(), 0, 0

    def run(part: int) -> int:
        nonlocal now, seen
        with lock:
            now += 1
            seen = max(seen, now)
        together.wait(20)  # as many as are meant run at a time, or this breaks
        with lock:
            now -= 1
        together.wait(20)
        return -part

    with searches.one() if searching else nullcontext():
        assert sessions.side_by_side(run, range(2 * most)) == [-part for part in range(2 * most)]
    assert seen == most
