"""The newest receipt of a source counts, of its own collection."""

from __future__ import annotations

from rag.records.records import Records
from rag.records.types import NewFile, Outcome
from rag.types import Scope

SCOPE, OTHER = Scope("t", "c"), Scope("t", "other")


def put(records: Records, scope: Scope, *sources: str) -> None:
    records.jobs.submit(scope, [NewFile(source, {}, {}) for source in sources])


def settle(records: Records, status: str, item_id: str = "") -> None:
    """Give all that waits this receipt."""
    while (batch_id := records.batching.form(64, 1)) is not None:
        batch = records.batching.begin(batch_id)
        assert batch is not None
        records.batching.finish(batch_id, [Outcome(f.id, status, item_id) for f in batch.files])


def stored(records: Records, scope: Scope = SCOPE) -> list[tuple[str, str]]:
    return [(row.source, row.item_id) for rows in records.receipts.stored(scope) for row in rows]


def test_the_newest_receipt_counts(records: Records) -> None:
    put(records, SCOPE, "a", "b")
    settle(records, "indexed", "1")
    put(records, SCOPE, "a")
    put(records, OTHER, "b")
    assert stored(records) == [("b", "1")]  # of a nothing is known until its job has ended
    assert records.receipts.under_way(SCOPE, ["a", "b"]) == {"a"}
    settle(records, "unchanged", "2")
    assert stored(records) == [("b", "1"), ("a", "2")]
    assert records.receipts.under_way(SCOPE, ["a", "b"]) == set()
    assert sorted(s.collection or "" for s in records.receipts.scopes()) == ["c", "other"]
    put(records, SCOPE, "b")
    settle(records, "quarantined")
    assert stored(records) == [("a", "2")]
    assert stored(records, OTHER) == [("b", "2")]
    last = records.receipts.last(SCOPE, "b")
    assert last is not None
    assert last.status == "quarantined"
    assert records.receipts.last(SCOPE, "z") is None


def test_what_was_deleted_is_not_said_to_be_stored(records: Records) -> None:
    put(records, SCOPE, "a", "b")
    settle(records, "indexed", "1")
    put(records, OTHER, "a")
    settle(records, "indexed", "1")
    records.receipts.deleted(SCOPE, source="a")
    assert stored(records) == [("b", "1")]
    last = records.receipts.last(SCOPE, "a")
    assert last is not None
    assert (last.status, last.item_id, last.reason) == ("indexed", "", "deleted since")
    records.receipts.deleted(SCOPE, item_id="1")
    assert stored(records) == []
    assert stored(records, OTHER) == [("a", "1")]
    records.receipts.deleted(OTHER)
    assert stored(records, OTHER) == []
