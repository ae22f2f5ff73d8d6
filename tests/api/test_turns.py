"""A few at a time, some waiting; the rest are told when to come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from api.errors import told
from api.turns import Turns, of_searches
from rag.errors import Busy
from rag.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def refused_beside_one(turns: Turns) -> float | None:
    """What somebody is told who comes while the only turn is taken."""
    async with turns.taken():
        with pytest.raises(Busy) as busy:
            async with turns.taken():
                pass
    return busy.value.seconds


@pytest.mark.parametrize(("running", "waiting", "seconds"), [(1, 0, 3.0), (1, 2, 9.0), (2, 4, 9.0)])
def test_who_is_refused_is_told_when_all_that_are_there_should_be_through(
    running: int, waiting: int, seconds: float
) -> None:
    clock = Clock()
    turns = Turns(running, waiting, "searches are under way", "OLHAR_SEARCHES", clock)

    async def stay(go: anyio.Event) -> None:
        async with turns.taken():
            await go.wait()

    async def refused() -> float | None:
        go = anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(running + waiting):
                group.start_soon(stay, go)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Busy, match="OLHAR_SEARCHES") as busy:
                await stay(go)
            group.cancel_scope.cancel()
        return busy.value.seconds

    async def one_that_takes(took: float) -> None:
        async with turns.taken():
            clock.now += took

    async def scenario() -> None:
        for took in (60.0, 3.0, 2.0):  # the first loads the model
            await one_that_takes(took)
        assert await refused() == seconds

    anyio.run(scenario)


def test_what_was_not_done_does_not_tell_how_long_it_takes() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(1, 0, "searches are under way", "OLHAR_SEARCHES", clock)

        async def fail() -> None:
            async with turns.taken():
                clock.now += 1.0
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with turns.taken() as turn:
            clock.now += 2.0
            turn.whole = False
        assert await refused_beside_one(turns) is None

    anyio.run(scenario)


def test_before_any_turn_is_over_nobody_knows_how_long_one_takes() -> None:
    async def scenario() -> None:
        turns = Turns(1, 0, "searches are under way", "OLHAR_SEARCHES")
        assert await refused_beside_one(turns) is None

    anyio.run(scenario)


async def let_in(turns: Turns, several: int) -> int:
    """How many of so many who come together have their turn or wait for it."""
    refused = 0

    async def stay() -> None:
        nonlocal refused
        try:
            async with turns.taken():
                await anyio.sleep_forever()
        except Busy:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(several):
            group.start_soon(stay)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    return several - refused


def test_after_some_calm_more_may_wait_and_each_second_of_it_gives_back_two_places() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(1, 1, "searches are under way", "OLHAR_SEARCHES", clock, burst=4)
        assert await let_in(turns, 9) == 2 + 4
        assert await let_in(turns, 9) == 2
        clock.now += 0.5
        assert await let_in(turns, 9) == 2 + 1
        clock.now += 1.5
        assert await let_in(turns, 5) == 2 + 3
        clock.now += 60.0
        assert await let_in(turns, 9) == 2 + 4

    anyio.run(scenario)


def test_time_in_which_somebody_is_there_is_no_calm() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(1, 1, "searches are under way", "OLHAR_SEARCHES", clock, burst=4)
        assert await let_in(turns, 9) == 2 + 4
        async with turns.taken() as turn:
            turn.whole = False
            clock.now += 60.0
            assert await let_in(turns, 9) == 1
        assert await let_in(turns, 9) == 2

    anyio.run(scenario)


def test_nobody_waits_long_for_a_place_that_calm_gave() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(1, 1, "searches are under way", "OLHAR_SEARCHES", clock, burst=16)
        async with turns.taken():
            clock.now += 0.5
        assert await let_in(turns, 16) == 5  # the sixth would wait for two seconds and a half

    anyio.run(scenario)


def test_nor_behind_one_that_takes_long_now() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(1, 1, "searches are under way", "OLHAR_SEARCHES", clock, burst=16)
        async with turns.taken():  # a model is being loaded
            clock.now += 1.5
            assert await let_in(turns, 9) == 1

    anyio.run(scenario)


@pytest.mark.parametrize(
    ("changed", "together"),
    [
        ({}, 2 + 16),
        ({"reranker": "ollama:a"}, 8 + 16),
        ({"encoder": "sentence-transformers:a"}, 8 + 16),
        ({"milvus_uri": "http://milvus:19530"}, 8 + 16),
        ({"searches": 3}, 6),
    ],
)
def test_how_many_may_search_or_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, Any], together: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    settings = Settings(data=tmp_path, encoder="compact", reranker="none").model_copy(update=changed)

    async def scenario() -> None:
        assert await let_in(of_searches(settings), 40) == together

    anyio.run(scenario)


@pytest.mark.parametrize(("seconds", "header"), [(None, "5"), (0.04, "1"), (6.2, "7"), (900.0, "60")])
def test_the_header_says_it_in_whole_seconds(seconds: float | None, header: str) -> None:
    for path in ("/v1/search", "/v1/chat/completions"):
        assert told(path, Busy("too much", seconds)).headers["retry-after"] == header
