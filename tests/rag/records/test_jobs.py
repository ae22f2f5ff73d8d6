"""Jobs and batches: every file of a job comes to a receipt, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import Conflict, NotFound
from rag.records.batching import CRASHES
from rag.records.records import Records
from rag.records.types import FileRow, NewFile, Outcome
from rag.types import Scope

from .conftest import Clock

SCOPE = Scope("tenant", "photos")
LARGE = 2**40


def files(*names: str, size: int = 1) -> list[NewFile]:
    return [NewFile(name, {"path": f"/{name}"}, {"caption": f"a {name}"}, True, size) for name in names]


def formed(records: Records, size: int = 64, most_bytes: int = LARGE) -> tuple[int, list[str]] | None:
    """The next batch, begun: its id and the sources of its files."""
    batch_id = records.batching.form(size, most_bytes)
    if batch_id is None:
        return None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    return batch_id, [file.source for file in batch.files]


def finish(records: Records, batch_id: int, rows: Sequence[FileRow], status: str = "indexed") -> None:
    records.batching.finish(batch_id, [Outcome(row.id, status, f"item-{row.source}") for row in rows])


def work(records: Records, status: str = "indexed") -> None:
    """Give all files that wait this receipt."""
    while (batch_id := records.batching.form(64, LARGE)) is not None:
        batch = records.batching.begin(batch_id)
        assert batch is not None
        finish(records, batch_id, batch.files, status)


def test_a_job_ends_with_the_receipt_of_its_last_file(records: Records, clock: Clock) -> None:
    job_id = records.jobs.submit(SCOPE, files("a", "b", "c"), all_captions=True)
    assert records.jobs.get("tenant", job_id).state == "running"
    clock.now += 5
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    assert (batch.scope, batch.all_captions, batch.crashed) == (SCOPE, True, 0)
    assert [dict(file.description) for file in batch.files] == [{"caption": f"a {n}"} for n in "abc"]
    clock.now += 2
    finish(records, batch_id, batch.files)
    job = records.jobs.get("tenant", job_id)
    assert (job.state, job.total, job.done, dict(job.counts)) == ("done", 3, 3, {"indexed": 3})
    assert (job.created_at, job.started_at, job.finished_at) == (1000, 1005, 1007)
    assert job.rate(clock.now) == pytest.approx(1.5)
    assert job.remaining_s(clock.now) == 0
    told = records.jobs.settled("tenant", job_id)
    assert [(row.number, row.source, row.item_id) for row in told] == [
        (1, "a", "item-a"),
        (2, "b", "item-b"),
        (3, "c", "item-c"),
    ]
    assert records.jobs.settled("tenant", job_id, after=2) == told[2:]
    assert records.batching.unfinished() == {}


def test_nothing_of_a_job_runs_before_all_its_files_are_named(records: Records) -> None:
    def naming() -> Iterator[NewFile]:
        for name in (f"{n}" for n in range(700)):
            assert records.batching.form(64, LARGE) is None
            yield from files(name)

    records.jobs.submit(SCOPE, naming())
    assert records.batching.form(64, LARGE) is not None


def test_a_submission_that_breaks_off_leaves_nothing(records: Records, clock: Clock) -> None:
    def naming() -> Iterator[NewFile]:
        yield from files(*(f"{n}" for n in range(600)))
        raise OSError("the folder went away")

    with pytest.raises(OSError, match="went away"):
        records.jobs.submit(SCOPE, naming())
    assert records.jobs.latest("tenant") == []
    assert records.batching.form(64, LARGE) is None
    clock.now += 10_000
    assert records.jobs.forget_unlisted(3600) == 0


def test_what_needs_no_reading_has_its_receipt_at_once(records: Records) -> None:
    refused = NewFile("notes.doc", {}, {}, status="quarantined", reason="no picture")
    job_id = records.jobs.submit(SCOPE, [refused, *files("a"), refused])
    job = records.jobs.get("tenant", job_id)
    assert (job.done, dict(job.counts)) == (2, {"quarantined": 2})
    work(records)
    assert records.jobs.get("tenant", job_id).state == "done"
    whole = records.jobs.submit(SCOPE, [refused])
    assert records.jobs.get("tenant", whole).state == "done"
    assert records.jobs.get("tenant", records.jobs.submit(SCOPE, [])).state == "done"


def test_a_small_job_does_not_wait_for_the_end_of_a_large_one(records: Records) -> None:
    records.jobs.submit(SCOPE, files(*(f"large-{n}" for n in range(300))))
    small = records.jobs.submit(SCOPE, files("small-0", "small-1"))
    found = formed(records)
    assert found is not None
    assert {"small-0", "small-1"} <= set(found[1])
    assert len(found[1]) == 64
    assert records.jobs.get("tenant", small).done == 0


def test_a_batch_is_for_one_collection_and_bounded(records: Records) -> None:
    records.jobs.submit(SCOPE, files("a", "b", size=10))
    records.jobs.submit(Scope("tenant", "other"), files("c"))
    records.jobs.submit(SCOPE, files("d"), all_captions=True)
    records.jobs.submit(SCOPE, files("e", "f", "g", size=10))
    seen = [found[1] for found in iter(lambda: formed(records, 3, 25), None)]
    assert seen == [["a", "e"], ["c"], ["d"], ["b", "f"], ["g"]]


def test_a_file_that_is_larger_than_a_batch_goes_alone(records: Records) -> None:
    records.jobs.submit(SCOPE, files("large", size=100) + files("a", "b"))
    assert [found[1] for found in iter(lambda: formed(records, 64, 25), None)] == [["large"], ["a", "b"]]


def test_a_batch_is_full_by_its_files_by_their_bytes_or_by_one_that_goes_alone(
    records: Records, clock: Clock
) -> None:
    assert not records.batching.fills(3, 25)
    job_id = records.jobs.submit(SCOPE, files("a", "b", size=10))
    assert not records.batching.fills(3, 25)
    assert records.batching.fills(2, 25)
    assert records.batching.fills(3, 20)
    found = formed(records)
    assert found is not None
    assert not records.batching.fills(1, 1)  # they are under way
    again = [Outcome(row.id, "", reason="away", after=5.0) for row in records.jobs.files("tenant", job_id)]
    records.batching.finish(found[0], again)
    assert not records.batching.fills(64, LARGE)
    clock.now += 6
    assert records.batching.fills(64, LARGE)  # each is tried again by itself


def test_one_source_is_not_twice_in_a_batch(records: Records) -> None:
    records.jobs.submit(SCOPE, files("a", "b"))
    records.jobs.submit(SCOPE, files("a", "b", "c"))
    assert [found[1] for found in iter(lambda: formed(records), None)] == [["a", "b", "c"], ["a", "b"]]


def test_two_that_form_batches_never_take_the_same_file(records: Records) -> None:
    records.jobs.submit(SCOPE, files(*(f"{n}" for n in range(200))))

    def take(_: int) -> list[str]:
        found = formed(records, 7)
        return found[1] if found else []

    with ThreadPoolExecutor(8) as pool:
        taken = [name for names in pool.map(take, range(40)) for name in names]
    assert sorted(taken) == sorted(f"{n}" for n in range(200))


def test_a_batch_that_keeps_breaking_off_is_split_and_the_culprit_found(records: Records) -> None:
    job_id = records.jobs.submit(SCOPE, files("good", "bad"))
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    for crash in range(CRASHES):
        batch = records.batching.begin(batch_id)
        assert batch is not None
        assert batch.crashed == crash
    assert records.batching.begin(batch_id) is None
    assert records.batching.unfinished() == {}
    good, bad = records.batching.form(64, LARGE), records.batching.form(64, LARGE)
    assert good is not None
    assert bad is not None
    assert records.batching.is_suspect(good)
    alone = records.batching.begin(good)
    assert alone is not None
    finish(records, good, alone.files)
    for _ in range(CRASHES):
        assert records.batching.begin(bad) is not None
    assert records.batching.begin(bad) is None
    receipts = {row.source: (row.status, row.reason) for row in records.jobs.files("tenant", job_id)}
    assert receipts["good"] == ("indexed", "")
    assert receipts["bad"][0] == "quarantined"
    assert "ended 3 times while this file alone" in receipts["bad"][1]
    assert records.jobs.get("tenant", job_id).state == "done"


def test_a_batch_that_is_put_back_in_order_is_no_crash(records: Records) -> None:
    records.jobs.submit(SCOPE, files("a"))
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    for _ in range(2 * CRASHES):
        batch = records.batching.begin(batch_id)
        assert batch is not None
        assert batch.crashed == 0
        records.batching.release(batch_id)


def test_what_failed_for_a_passing_reason_is_tried_again_later_and_alone(
    records: Records, clock: Clock
) -> None:
    records.jobs.submit(SCOPE, files("a", "b"))
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    a, b = batch.files
    again = [Outcome(row.id, "", reason="Milvus is away", after=5.0) for row in (a, b)]
    records.batching.finish(batch_id, again)
    assert records.batching.form(64, LARGE) is None
    assert records.batching.due_in() == pytest.approx(5)
    clock.now += 6
    assert records.batching.due_in() == 0
    first = records.batching.form(64, LARGE)
    assert first is not None
    alone = records.batching.begin(first)
    assert alone is not None
    assert [(row.source, row.attempts) for row in alone.files] == [("a", 1)]
    assert not records.batching.is_suspect(first)


def test_a_batch_of_which_nothing_is_known_counts_as_a_try(records: Records) -> None:
    job_id = records.jobs.submit(SCOPE, files("a", "b"))
    found = formed(records)
    assert found is not None
    records.batching.abandon(found[0], "it broke off")
    assert records.batching.unfinished() == {}
    rows = records.jobs.files("tenant", job_id)
    assert [(row.state, row.attempts) for row in rows] == [("waiting", 1)] * 2


def test_a_reason_that_postgres_cannot_hold_is_held(records: Records) -> None:
    job_id = records.jobs.submit(SCOPE, files("a"))
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    records.batching.finish(batch_id, [Outcome(batch.files[0].id, "failed", reason="a\0b")])
    assert records.jobs.files("tenant", job_id)[0].reason == "a b"


def test_files_that_are_given_back_wait_as_before(records: Records) -> None:
    records.jobs.submit(SCOPE, files("a", "b"))
    found = formed(records)
    assert found is not None
    records.batching.finish(found[0], [])
    again = formed(records)
    assert again is not None
    assert again[1] == ["a", "b"]


def test_cancelling_ends_what_waits_and_lets_what_is_in_flight_end(records: Records) -> None:
    job_id = records.jobs.submit(SCOPE, files("a", "b", "c"))
    batch_id = records.batching.form(1, LARGE)
    assert batch_id is not None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    job = records.jobs.cancel("tenant", job_id)
    assert (job.state, job.done, dict(job.counts)) == ("cancelled", 2, {"failed": 2})
    assert job.finished_at is None, "one is in flight"
    assert records.batching.cancelled(batch_id) == {batch.files[0].id}
    assert records.batching.wanted(batch_id) == set()
    assert records.batching.form(64, LARGE) is None
    finish(records, batch_id, batch.files)
    job = records.jobs.get("tenant", job_id)
    assert (job.state, job.done, dict(job.counts)) == ("cancelled", 3, {"failed": 2, "indexed": 1})
    assert job.finished_at is not None
    with pytest.raises(Conflict):
        records.jobs.cancel("tenant", job_id)


def test_a_cancelled_job_is_not_tried_again_by_itself(records: Records) -> None:
    job_id = records.jobs.submit(SCOPE, files("a"))
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    records.jobs.cancel("tenant", job_id)
    records.batching.finish(batch_id, [Outcome(batch.files[0].id, "", reason="away", after=1)])
    (row,) = records.jobs.files("tenant", job_id)
    assert (row.status, row.reason, row.retryable) == ("failed", "away", True)


def test_retrying_takes_up_what_failed_and_numbers_on(records: Records) -> None:
    job_id = records.jobs.submit(SCOPE, files("a", "b", "c"))
    batch_id = records.batching.form(64, LARGE)
    assert batch_id is not None
    batch = records.batching.begin(batch_id)
    assert batch is not None
    fates = zip(batch.files, ("failed", "indexed", "quarantined"), strict=True)
    records.batching.finish(batch_id, [Outcome(row.id, status) for row, status in fates])
    job = records.jobs.retry("tenant", job_id)
    assert (job.state, job.done, job.finished_at) == ("running", 2, None)
    work(records)
    told = [(row.number, row.source, row.status) for row in records.jobs.settled("tenant", job_id)]
    assert told == [(2, "b", "indexed"), (3, "c", "quarantined"), (4, "a", "indexed")]
    with pytest.raises(Conflict):
        records.jobs.retry("tenant", job_id)
    records.jobs.retry("tenant", job_id, quarantined=True)
    work(records)
    assert records.jobs.get("tenant", job_id).counts == {"indexed": 3}


def test_what_failed_is_seen_over_all_jobs(records: Records) -> None:
    for names in (("a", "b"), ("c",)):
        records.jobs.submit(SCOPE, files(*names))
    work(records, "failed")
    records.jobs.submit(Scope("another", "photos"), files("d"))
    work(records, "quarantined")
    parked = records.jobs.parked("tenant")
    assert [row.source for row in parked] == ["a", "b", "c"]
    assert records.jobs.parked("tenant", after=parked[0].id, limit=1) == parked[1:2]


def test_tenants_do_not_see_each_others_jobs(records: Records, clock: Clock) -> None:
    job_id = records.jobs.submit(SCOPE, files("a"))
    for act in (records.jobs.get, records.jobs.cancel, records.jobs.retry, records.jobs.files):
        with pytest.raises(NotFound):
            act("another", job_id)
    assert records.jobs.latest("another") == []
    clock.now += 1
    newer = records.jobs.submit(SCOPE, files("b"))
    assert [job.id for job in records.jobs.latest("tenant")] == [newer, job_id]
    assert [job.id for job in records.jobs.latest("tenant", before=newer)] == [job_id]


def test_what_a_file_under_way_is_made_of_is_in_use(records: Records) -> None:
    staged = NewFile("up", {"staged": "5" * 64}, {}, staged="5" * 64)
    records.jobs.submit(SCOPE, [staged, *files("a")])
    found = formed(records)
    assert found is not None
    batch = records.batching.begin(found[0])
    assert batch is not None
    records.batching.note({batch.files[1].id: {"sha256": "a" * 64}})
    assert records.jobs.uses(["a" * 64, "f" * 64]) == {"a" * 64}
    assert records.jobs.needs(["5" * 64, "f" * 64]) == {"5" * 64}
    finish(records, found[0], batch.files, "quarantined")
    assert records.jobs.uses(["a" * 64]) == set()
    assert records.jobs.needs(["5" * 64]) == {"5" * 64}, "it may be tried again"
    records.jobs.retry("tenant", batch.files[0].job_id, quarantined=True)
    work(records)
    assert records.jobs.needs(["5" * 64]) == set()


ACTS = st.lists(
    st.sampled_from(["submit", "work", "fail", "crash", "later", "cancel", "retry", "tick"]), max_size=14
)


@given(acts=ACTS)
@settings(max_examples=25)
def test_whatever_happens_every_file_gets_one_receipt(
    acts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = Clock()
    records = Records(f"sqlite:///{tmp_path_factory.mktemp('records') / 'r.db'}", clock=clock)
    jobs: list[str] = []
    for act in [*acts, "tick", "done"]:
        _act(records, clock, jobs, act)
    for job_id in jobs:
        job = records.jobs.get("tenant", job_id)
        assert job.state in ("done", "cancelled")
        rows = records.jobs.files("tenant", job_id)
        assert [row.place for row in rows] == list(range(5))
        assert all(row.status for row in rows)
        assert len({row.number for row in rows}) == 5
        assert sum(job.counts.values()) == job.done == job.total == 5
    records.close()


def _act(records: Records, clock: Clock, jobs: list[str], act: str) -> None:
    if act == "submit":
        jobs.append(records.jobs.submit(SCOPE, files(*(f"{len(jobs)}-{n}" for n in range(5)))))
    elif act == "tick":
        clock.now += 1000
    elif act in ("cancel", "retry") and jobs:
        try:
            (records.jobs.cancel if act == "cancel" else records.jobs.retry)("tenant", jobs[-1])
        except Conflict:
            return
    elif act == "crash":
        for batch_id in records.batching.unfinished() or [records.batching.form(3, LARGE)]:
            if batch_id is not None:
                records.batching.begin(batch_id)
    elif act == "done":
        while records.batching.due_in() is not None or records.batching.unfinished():
            clock.now += 1000
            for batch_id in records.batching.unfinished() or [records.batching.form(3, LARGE)]:
                _end(records, batch_id, "indexed")
    elif act in ("work", "fail", "later"):
        status = {"work": "indexed", "fail": "failed", "later": ""}[act]
        _end(records, records.batching.form(3, LARGE), status)


def _end(records: Records, batch_id: int | None, status: str) -> None:
    batch = records.batching.begin(batch_id) if batch_id is not None else None
    if batch is not None:
        records.batching.finish(batch.id, [Outcome(row.id, status, after=10) for row in batch.files])
