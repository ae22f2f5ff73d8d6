"""Passes: each item waits until it was done or given up, and one worker has it at a time."""

from __future__ import annotations

from rag.records.passes import LEASE_S
from rag.records.records import Records
from rag.types import Scope

from .conftest import Clock

SCOPE = Scope("tenant", "photos")
OTHER = Scope("another", "photos")


def ids(records: Records, size: int = 10) -> list[str]:
    return [one.item_id for one in records.readings.take(size)]


def test_what_was_put_down_waits_until_it_ended(records: Records, clock: Clock) -> None:
    readings = records.readings
    readings.expect(SCOPE, ["a", "b", "a", "c"])
    a, b, c = readings.take(10)
    assert (a.scope, a.item_id, a.attempts) == (SCOPE, "a", 0)
    readings.end(a, "done")
    readings.end(b, "skipped", "no picture")
    readings.end(c, "pending", "too slow", after=5)
    assert readings.counts("tenant") == {"photos": {"done": 1, "skipped": 1, "pending": 1}}
    assert ids(records) == []
    clock.now += 5
    (again,) = readings.take(10)
    assert (again.item_id, again.attempts) == ("c", 1)


def test_of_several_workers_one_has_it(records: Records, clock: Clock) -> None:
    records.readings.expect(SCOPE, ["a", "b", "c"])
    assert ids(records, 2) == ["a", "b"]
    # A file of SQLite has one worker, which goes on at once after a kill.
    assert ids(records, 2) == (["a", "b"] if records.database.sqlite else ["c"])
    clock.now += LEASE_S
    assert sorted(ids(records, 3)) == ["a", "b", "c"]


def test_a_new_item_waits_whatever_was_known_of_it(records: Records) -> None:
    records.readings.expect(SCOPE, ["a"])
    (a,) = records.readings.take(1)
    records.readings.end(a, "skipped", "deleted")
    records.readings.expect(SCOPE, ["a"])
    assert records.readings.counts("tenant") == {"photos": {"pending": 1}}


def test_retrying_takes_up_all_but_what_is_done_of_one_collection(records: Records) -> None:
    readings = records.readings
    readings.expect(SCOPE, ["a", "b"])
    readings.expect(OTHER, ["a"])
    for one in [*readings.take(10), *readings.take(10)]:
        readings.end(one, "done" if one.item_id == "b" else "skipped")
    assert readings.retry(SCOPE) == 1
    assert readings.counts("tenant") == {"photos": {"pending": 1, "done": 1}}
    assert readings.known(SCOPE, ["a", "x"]) == {"a"}


def test_tenants_never_meet(records: Records) -> None:
    readings = records.readings
    readings.expect(SCOPE, ["a"])
    readings.expect(OTHER, ["b"])
    assert len(readings.take(10)) == 1
    assert readings.known(OTHER, ["a", "b"]) == {"b"}
    readings.forget_collection(OTHER)
    assert readings.counts("another") == {}
    assert readings.counts("tenant") == {"photos": {"pending": 1}}


def test_passes_do_not_see_each_other(records: Records) -> None:
    records.readings.expect(SCOPE, ["a"])
    records.captionings.expect(SCOPE, ["a", "b"])
    (reading,) = records.readings.take(10)
    records.readings.end(reading, "done")
    assert records.readings.counts("tenant") == {"photos": {"done": 1}}
    assert records.captionings.counts("tenant") == {"photos": {"pending": 2}}
    records.readings.forget_collection(SCOPE)
    assert len(records.captionings.take(10)) == 2


def test_what_a_model_wrote_is_known_by_picture_and_question(records: Records) -> None:
    known = records.model_captions
    known.put("a" * 64, "one", "a cat")
    known.put("a" * 64, "one", "a grey cat")
    assert (known.get("a" * 64, "one"), known.get("a" * 64, "two"), known.get("b" * 64, "one")) == (
        "a grey cat",
        None,
        None,
    )
    known.forget(["a" * 64])
    assert known.get("a" * 64, "one") is None
