"""A few at a time, some waiting; the rest are told when to come back."""

from __future__ import annotations

import anyio
import pytest

from api.errors import told
from api.turns import Turns
from rag.errors import Busy


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


@pytest.mark.parametrize(("seconds", "header"), [(None, "5"), (0.04, "1"), (6.2, "7"), (900.0, "60")])
def test_the_header_says_it_in_whole_seconds(seconds: float | None, header: str) -> None:
    for path in ("/v1/search", "/v1/chat/completions"):
        assert told(path, Busy("too much", seconds)).headers["retry-after"] == header
