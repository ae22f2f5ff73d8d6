"""Reviews are kept once a content, a decision stays, and no tenant sees those of another."""

from __future__ import annotations

import pytest

from rag.errors import NotFound
from rag.records.records import Records
from rag.types import Scope

SCOPE = Scope("one", "photos")


def put(records: Records, sha256: str = "a" * 64, scope: Scope = SCOPE, *, held: bool = False) -> str:
    return records.reviews.put(
        scope,
        sha256,
        item_id="b" * 32,
        source="a.png",
        action="quarantine",
        policy="default",
        flagged=["weapons"],
        scores={"weapons": 0.7, "educational": 0.3},
        held=held,
    )


def test_a_content_has_one_review_and_decisions_are_kept(records: Records) -> None:
    review = put(records)
    assert put(records) == review
    (found,) = records.reviews.latest("one", state="pending")
    assert (found.flagged, found.scores["weapons"], found.decided) == (("weapons",), 0.7, ())
    records.reviews.decide("one", review, "reject", by="ok_1", note="no")
    decided = records.reviews.decide("one", review, "allow", note="after all")
    assert decided.state == "allowed"
    assert [(one.decision, one.by, one.note) for one in decided.decided] == [
        ("reject", "ok_1", "no"),
        ("allow", "", "after all"),
    ]
    put(records)
    assert records.reviews.states(SCOPE, ["a" * 64, "c" * 64]) == {"a" * 64: "allowed"}
    assert records.reviews.latest("one", state="pending") == []


def test_no_tenant_sees_or_decides_what_is_of_another(records: Records) -> None:
    review = put(records)
    assert records.reviews.latest("other") == []
    assert records.reviews.states(Scope("other", "photos"), ["a" * 64]) == {}
    with pytest.raises(NotFound):
        records.reviews.decide("other", review, "allow")
    with pytest.raises(NotFound):
        records.reviews.get("other", review)


def test_they_come_page_by_page_and_go_with_their_collection(records: Records) -> None:
    for n in range(5):
        put(records, f"{n}" * 64)
    other = put(records, scope=Scope("one", "other"))
    first = records.reviews.latest("one", limit=4)
    rest = records.reviews.latest("one", before=first[-1].id)
    assert len({one.id for one in [*first, *rest]}) == 6
    records.reviews.forget_collection(SCOPE)
    assert [one.id for one in records.reviews.latest("one")] == [other]


def test_what_is_held_stays_so_until_it_is_decided_or_released(records: Records) -> None:
    item, review = "b" * 32, put(records)
    assert records.reviews.held(SCOPE, [item]) == {}
    put(records, held=True)
    put(records)
    assert records.reviews.get("one", review).held
    assert records.reviews.held(SCOPE, [item, "c" * 32]) == {item: review}
    assert records.reviews.held(Scope("other", "photos"), [item]) == {}
    records.reviews.release("other", review)
    assert records.reviews.held(SCOPE, [item]) == {item: review}
    records.reviews.decide("one", review, "allow")
    assert records.reviews.held(SCOPE, [item]) == {}
    assert records.reviews.get("one", review).held
    records.reviews.release("one", review)
    assert not records.reviews.get("one", review).held
