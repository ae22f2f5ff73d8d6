"""Token buckets, with a clock that the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.security import buckets
from api.security.buckets import Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    clock = Clock()
    all_of_them = Buckets(clock)
    taken = [all_of_them.take("a", 60, 3) for _ in range(4)]
    assert [one.wait_s for one in taken] == [0, 0, 0, 1]
    assert [one.left for one in taken] == [2, 1, 0, 0]
    assert taken[3].headers == {
        "ratelimit-policy": '"key";q=60;w=60', "ratelimit": '"key";r=0;t=3', "retry-after": "1",
    }  # fmt: skip
    assert "retry-after" not in taken[0].headers
    assert all_of_them.take("b", 60, 3).wait_s == 0
    assert all_of_them.empty("a", 60, 3)
    clock.now += 1
    assert not all_of_them.empty("a", 60, 3)
    assert all_of_them.take("a", 60, 3).wait_s == 0
    assert all_of_them.take("a", 60, 3).wait_s == 1


@given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 600), st.integers(1, 50))
def test_no_more_pass_than_the_rate_and_the_burst_allow(pauses: list[float], rate: int, burst: int) -> None:
    clock = Clock()
    bucket, passed = Buckets(clock), 0
    for pause in pauses:
        clock.now += pause
        passed += not bucket.take("a", rate, burst).wait_s
    assert passed <= burst + clock.now * rate / 60 + 1e-6


def test_who_waits_as_long_as_told_passes() -> None:
    clock = Clock()
    bucket = Buckets(clock)
    for _ in range(50):
        if wait := bucket.take("a", 7, 2).wait_s:
            clock.now += wait + 1e-9
            assert bucket.take("a", 7, 2).wait_s == 0


def test_not_everybody_is_remembered() -> None:
    bucket = Buckets(Clock())
    for n in range(buckets.MOST + 10):
        bucket.take(str(n), 1, 1)
    assert not bucket.empty("0", 1, 1)
    assert bucket.empty(str(buckets.MOST), 1, 1)
