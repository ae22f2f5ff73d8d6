"""Whether somebody searches: during a search, and a moment after it."""

from __future__ import annotations

import pytest

from rag.courtesy import PAUSE_S, Searches


def test_busy_is_during_a_search_and_a_moment_after_the_last() -> None:
    now = [0.0]
    searches = Searches(lambda: now[0])
    assert not searches.busy()
    with searches.one():
        now[0] = 100.0
        with searches.one():
            pass
        now[0] = 200.0
        assert searches.busy()
    now[0] += PAUSE_S * 0.9
    assert searches.busy()
    now[0] += PAUSE_S
    assert not searches.busy()
    with pytest.raises(KeyError), searches.one():
        raise KeyError
    now[0] += PAUSE_S * 2
    assert not searches.busy()
