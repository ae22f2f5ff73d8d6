from __future__ import annotations

import pytest

from rag.errors import InvalidInput
from rag.store import MilvusStore
from rag.vision.curation.coverage import coverage
from tests.rag.vision.conftest import SCOPE, Drawn


def test_labels_are_found_by_words_and_by_looks_and_what_is_missing_is_named(
    drawn_store: MilvusStore,
) -> None:
    found = coverage(drawn_store, Drawn(), SCOPE, ["boats", "cat", "tree", "cow", "cat"], least=25)
    counts = {one.label: (one.said, one.looks, one.either) for one in found.labels}
    assert counts["cat"] == (20, 20, 20)
    assert counts["boats"][0] == 30  # captions say boat
    assert counts["cow"][0] == 0
    assert found.missing == [one.label for one in found.labels if one.either < 25]
    assert "cat" in found.missing
    assert "boats" not in found.missing
    assert all(bool(one.example) == (one.either > 0) for one in found.labels)


@pytest.mark.parametrize("labels", [["cat"], [], ["cat", " cat"]])
def test_one_label_cannot_be_told_apart(drawn_store: MilvusStore, labels: list[str]) -> None:
    with pytest.raises(InvalidInput, match="from 2 to 1000"):
        coverage(drawn_store, Drawn(), SCOPE, labels)
