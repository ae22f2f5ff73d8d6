from __future__ import annotations

import pytest

from rag.breaker import Breaker
from rag.errors import ModelUnavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("OLHAR_LLM=test:m", failures=3, seconds=30, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(breaker.enter(), "it cannot be reached")


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded(breaker.enter())
    fail(breaker, 2)
    assert breaker.told == "closed"
    fail(breaker)
    assert breaker.told == "open, asked again in 30 s"
    with pytest.raises(ModelUnavailable, match=r"OLHAR_LLM=test:m.*3 times.*in 30 s.*cannot be reached"):
        breaker.enter()


def test_afterwards_one_tries_and_the_others_wait_for_what_comes_of_it(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now = 31
    assert breaker.told == "half-open"
    entry = breaker.enter()
    with pytest.raises(ModelUnavailable, match="first try"):
        breaker.enter()
    breaker.succeeded(entry)
    assert breaker.told == "closed"
    fail(breaker, 2)
    assert breaker.told == "closed"


def test_a_try_that_fails_opens_it_for_as_long_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 31
    fail(breaker)
    assert breaker.told == "open, asked again in 30 s"
    clock.now = 60
    assert breaker.state == "open"
    clock.now = 62
    breaker.enter()


def test_a_try_of_which_nothing_came_leaves_it_to_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 31
    breaker.left(breaker.enter())
    breaker.enter()


def test_who_only_looks_takes_no_try_away(breaker: Breaker, clock: Clock) -> None:
    breaker.require_closed()
    fail(breaker, 3)
    clock.now = 31
    with pytest.raises(ModelUnavailable):
        breaker.require_closed()
    breaker.enter()


def test_zero_failures_never_open_it(clock: Clock) -> None:
    breaker = Breaker("OLHAR_LLM=test:m", failures=0, seconds=30, clock=clock)
    fail(breaker, 100)
    assert breaker.state == "closed"


def test_late_failures_of_those_let_through_before_do_not_prolong_it(breaker: Breaker, clock: Clock) -> None:
    entries = [breaker.enter() for _ in range(4)]
    for entry in entries[:3]:
        breaker.failed(entry, "away")
    clock.now = 20
    breaker.failed(entries[3], "away")
    assert breaker.told == "open, asked again in 10 s"


def test_only_the_one_that_tries_settles_it(breaker: Breaker, clock: Clock) -> None:
    gone, late, well = (breaker.enter() for _ in range(3))
    fail(breaker, 3)
    breaker.succeeded(well)
    assert breaker.told == "open, asked again in 30 s"
    clock.now = 31
    trial = breaker.enter()
    breaker.left(gone)
    with pytest.raises(ModelUnavailable, match="first try"):
        breaker.enter()
    breaker.failed(late, "an old story")
    assert breaker.told == "half-open"
    breaker.succeeded(trial)
    breaker.failed(late, "an old story")
    fail(breaker, 2)
    assert breaker.told == "closed"


def test_one_that_began_lets_others_through_until_the_next_failure(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 31
    trial = breaker.enter()
    breaker.began(trial)
    other = breaker.enter()
    breaker.failed(trial, "it broke off")
    assert breaker.told == "open, asked again in 30 s"
    breaker.failed(other, "it broke off")
    clock.now = 62
    trial = breaker.enter()
    breaker.began(trial)
    breaker.succeeded(trial)
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_to_have_begun_is_no_success_while_it_is_closed(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.began(breaker.enter())
    fail(breaker)
    assert breaker.state == "open"
