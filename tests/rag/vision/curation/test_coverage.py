from __future__ import annotations

import pytest

from rag.errors import InvalidInput
from rag.store import MilvusStore
from rag.types import Scope
from rag.vision.curation.coverage import coverage
from tests.rag.vision.conftest import SCOPE, Drawn


class Calm(Drawn):
    """Too little sure to take noise for a thing."""

    logit_scale = 8.0


def test_labels_are_found_by_words_and_by_looks_and_what_is_missing_is_named(
    drawn_store: MilvusStore,
) -> None:
    found = coverage(drawn_store, Calm(), None, SCOPE, ["boats", "cat", "tree", "cow", "cat"], least=25)
    counts = {one.label: (one.said, one.looks, one.either) for one in found.labels}
    assert counts["cat"] == (20, 20, 20)
    assert counts["boats"] == (30, 30, 30)  # captions say boat
    assert counts["cow"] == (0, 0, 0)
    assert found.missing == ["cow", "cat"]
    assert not found.calibrated
    assert all(bool(one.example) == (one.either > 0) for one in found.labels)
    assert coverage(drawn_store, Calm(), None, Scope("default", "other"), ["cat"]).missing == ["cat"]


@pytest.mark.parametrize("labels", [[], ["cat", ""]])
def test_labels_that_cannot_be_used_are_refused(drawn_store: MilvusStore, labels: list[str]) -> None:
    with pytest.raises(InvalidInput, match="label"):
        coverage(drawn_store, Calm(), None, SCOPE, labels)
