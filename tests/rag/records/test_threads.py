"""Threads and ratings: each tenant sees its own, in order, until they are deleted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from rag.errors import Conflict, NotFound
from rag.records import threads as module
from rag.records.answers import Answered, Recent
from rag.records.records import Records
from rag.records.schema import feedback
from rag.types import Turn
from tests.rag.records.conftest import Clock


def answered(n: int) -> Answered:
    return Answered(f"{n:032x}", f"question {n}", f"answer {n}", (f"item-{n}",), (f"item-{n}",), "test:model")


def test_what_was_said_in_a_thread_is_told_in_order(records: Records, clock: Clock) -> None:
    threads = records.threads
    made = threads.create("mine", collection="photos")
    for n in range(3):
        clock.now += 1
        threads.add("mine", made.id, answered(n))
    kept = threads.turns("mine", made.id)
    assert [(turn.place, turn.role) for turn in kept] == [(n, ("user", "assistant")[n % 2]) for n in range(6)]
    assert threads.history("mine", made.id, last=2) == (
        Turn("user", "question 2"),
        Turn("assistant", "answer 2"),
    )
    now = threads.get("mine", made.id)
    assert (now.title, now.turns, now.touched_at, now.collection) == ("question 0", 6, 1003.0, "photos")
    assert threads.answer("mine", answered(1).id) == answered(1)


def test_threads_are_listed_by_their_last_use_a_page_at_a_time(records: Records, clock: Clock) -> None:
    threads = records.threads
    made = [threads.create("mine", str(n)) for n in range(5)]
    clock.now += 1
    threads.add("mine", made[2].id, answered(0))
    pages, before = [], ""
    while page := threads.latest("mine", limit=2, before=before):
        pages += [thread.title for thread in page]
        before = page[-1].id
    assert pages[0] == "2"
    assert sorted(pages) == ["0", "1", "2", "3", "4"]


def test_a_thread_is_renamed_and_deleted_with_its_turns(records: Records) -> None:
    threads = records.threads
    made = threads.create("mine", "old")
    threads.add("mine", made.id, answered(0))
    assert threads.rename("mine", made.id, "new").title == "new"
    threads.delete("mine", made.id)
    assert threads.latest("mine") == []
    assert threads.answer("mine", answered(0).id) is None
    with pytest.raises(NotFound, match=made.id):
        threads.turns("mine", made.id)


def test_another_tenants_thread_is_not_there(records: Records) -> None:
    threads = records.threads
    made = threads.create("mine", "secret")
    threads.add("mine", made.id, answered(0))
    assert threads.latest("theirs") == []
    assert threads.answer("theirs", answered(0).id) is None
    for call in (
        lambda: threads.get("theirs", made.id),
        lambda: threads.turns("theirs", made.id),
        lambda: threads.rename("theirs", made.id, "x"),
        lambda: threads.delete("theirs", made.id),
        lambda: threads.add("theirs", made.id, answered(1)),
        lambda: threads.latest("theirs", before=made.id),
    ):
        with pytest.raises(NotFound):
            call()
    assert threads.get("mine", made.id).turns == 2


def test_a_full_thread_takes_no_more(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TURNS", 2)
    made = records.threads.create("mine")
    records.threads.add("mine", made.id, answered(0))
    with pytest.raises(Conflict, match="begin a new one"):
        records.threads.history("mine", made.id, last=2)  # before anything is asked
    with pytest.raises(Conflict, match="begin a new one"):
        records.threads.add("mine", made.id, answered(1))


def at_once(call: Callable[[int], object]) -> None:
    """Eight calls that begin together."""
    together = Barrier(8)

    def begun(n: int) -> None:
        together.wait()
        call(n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begun, range(8)))


def test_questions_at_the_same_time_are_all_kept(records: Records) -> None:
    made = records.threads.create("mine")
    at_once(lambda n: records.threads.add("mine", made.id, answered(n)))
    kept = records.threads.turns("mine", made.id)
    assert [turn.place for turn in kept] == list(range(16))
    assert [turn.answer for turn in kept[::2]] == [turn.answer for turn in kept[1::2]]
    assert records.threads.get("mine", made.id).turns == 16


def test_of_ratings_at_the_same_time_one_stays(records: Records) -> None:
    at_once(lambda n: records.feedback.put("mine", answered(1), "up", str(n)))
    assert len(records.feedback.latest("mine")) == 1


def test_of_ratings_from_before_there_was_one_for_an_answer_the_last_stays(records: Records) -> None:
    kept = records.feedback.put("mine", answered(1), "down")
    other = records.feedback.put("mine", answered(2), "up")
    columns = ", ".join(column.name for column in feedback.columns)
    earlier = columns.replace("id", "'" + "0" * 32 + "'", 1).replace(" at", " at - 1", 1)
    with records.database.writing() as connection:
        connection.execute(text("DROP INDEX ix_feedback_tenant_answer"))
        connection.execute(text("CREATE INDEX ix_feedback_tenant_answer ON feedback (tenant, answer)"))
        connection.execute(text(f"INSERT INTO feedback ({columns}) SELECT {earlier} FROM feedback"
                                f" WHERE id = '{kept.id}'"))  # fmt: skip
        for column in ("held", "place"):  # of later versions than that
            connection.execute(text(f"ALTER TABLE reviews DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0008'"))
    assert len(records.feedback.latest("mine")) == 3
    Records(records.database.url).close()
    assert {one.id for one in records.feedback.latest("mine")} == {kept.id, other.id}


def test_ratings_carry_what_they_were_given_for_and_the_last_one_counts(
    records: Records, clock: Clock
) -> None:
    ratings = records.feedback
    for n in range(3):
        clock.now += 1
        ratings.put("mine", answered(n), "up")
    clock.now += 1
    ratings.put("mine", answered(1), "down", "it is a dog")
    ratings.put("theirs", answered(1), "up")
    latest = ratings.latest("mine")
    assert [(one.answer, one.rating) for one in latest] == [
        (answered(1), "down"),
        (answered(2), "up"),
        (answered(0), "up"),
    ]
    assert latest[0].comment == "it is a dog"
    assert [one.answer for one in ratings.latest("mine", limit=1, before=latest[0].id)] == [answered(2)]
    assert len(ratings.latest("mine", rating="down")) == 1
    with pytest.raises(NotFound):
        ratings.latest("theirs", before=latest[0].id)


def test_only_the_latest_answers_are_remembered_and_for_their_tenant() -> None:
    recent = Recent(2)
    for n in range(3):
        recent.put("mine", answered(n))
    assert recent.get("mine", answered(0).id) is None
    assert recent.get("mine", answered(2).id) == answered(2)
    assert recent.get("theirs", answered(2).id) is None
