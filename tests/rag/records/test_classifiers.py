"""Classifiers are kept by name in their collection, and no tenant sees those of another."""

from __future__ import annotations

import pytest

from rag.errors import NotFound
from rag.records.records import Records
from rag.types import Fingerprint, Scope

SCOPE = Scope("one", "photos")
PRINT = Fingerprint("compact", "w", "p", 897)


def test_one_is_kept_replaced_and_deleted(records: Records) -> None:
    records.classifiers.put(SCOPE, "brands", PRINT, ["a", "b"], {"a": 2, "b": 3}, b"\x00weights")
    kept = records.classifiers.put(SCOPE, "brands", PRINT, ["b", "a"], {"a": 4, "b": 5}, b"\x01")
    assert records.classifiers.get(SCOPE, "brands") == kept
    assert [one.name for one in records.classifiers.all(SCOPE)] == ["brands"]
    for other in (Scope("other", "photos"), Scope("one", "others")):
        assert records.classifiers.all(other) == []
        with pytest.raises(NotFound):
            records.classifiers.get(other, "brands")
        with pytest.raises(NotFound):
            records.classifiers.delete(other, "brands")
    records.classifiers.delete(SCOPE, "brands")
    with pytest.raises(NotFound):
        records.classifiers.get(SCOPE, "brands")


def test_they_go_with_their_collection(records: Records) -> None:
    records.classifiers.put(SCOPE, "brands", PRINT, ["a"], {"a": 2}, b"")
    records.classifiers.forget_collection(Scope("other", "photos"))
    assert records.classifiers.all(SCOPE)
    records.classifiers.forget_collection(SCOPE)
    assert records.classifiers.all(SCOPE) == []
