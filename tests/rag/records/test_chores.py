"""What is done from time to time is done once in that time, and how it ended is remembered."""

from __future__ import annotations

from rag.records.records import Records

from .conftest import Clock


def test_a_chore_is_due_after_its_time_and_one_alone_gets_it(records: Records, clock: Clock) -> None:
    assert not records.chores.due("x", 100)
    clock.now += 99
    assert not records.chores.due("x", 100)
    clock.now += 1
    assert records.chores.due("x", 100)
    assert not records.chores.due("x", 100)
    assert records.chores.last("x") is None


def test_how_it_ended_is_remembered_and_counts_as_done(records: Records, clock: Clock) -> None:
    records.chores.ended("x", {"left": 1})
    clock.now += 50
    records.chores.ended("x", {"left": 0})
    last = records.chores.last("x")
    assert last is not None
    assert (last.ended_at, last.said) == (1050.0, {"left": 0})
    clock.now += 99
    assert not records.chores.due("x", 100)
    clock.now += 1
    assert records.chores.due("x", 100)
