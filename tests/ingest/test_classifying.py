"""A collection sorted into labels: they become tags of a model, and a person or a source wins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.classifying import Classify, Sorted, sort_collection
from ingest.editing import Change, edit_item
from ingest.origins import tags_origin
from rag.types import Label, Matrix, Scope
from rag.vision.zero_shot import Classified
from tests.ingest.conftest import SCOPE, FakeParts, Run, picture, save


def says(*names: str, none: float | None = None) -> Classify:
    def classify(images: Matrix) -> Sequence[Classified]:
        found = Classified(tuple(Label(name, 0.9 - 0.3 * n) for n, name in enumerate(names)), none)
        return [found] * len(images)

    return classify


def sort(
    parts: FakeParts, classify: Classify, *, multi: bool = False, store: bool = True, scope: Scope = SCOPE
) -> Sorted:
    return sort_collection(
        parts,
        scope,
        classify,
        name="fake",
        multi=multi,
        threshold=0.5,
        store=store,
    )


@pytest.fixture
def three(photos: Path, run: Run) -> list[str]:
    """Three photos: one with tags of its source."""
    for seed in (1, 2, 3):
        save(photos / f"{seed}.png", picture(seed))
    save(photos / "3.png.json", '{"tags": ["from its source"]}')
    return [file.item_id for file in sorted(run().files, key=lambda file: file.source) if file.item_id]


def tags(parts: FakeParts, item_id: str) -> tuple[tuple[str, ...], str]:
    item = parts.store.saved[item_id].item
    return item.tags, tags_origin(item)


def test_labels_become_tags_of_a_model_where_nobody_else_gave_any(parts: FakeParts, three: list[str]) -> None:
    found = sort(parts, says("dog", "cat"))
    assert found == Sorted(3, {"dog": 3}, 0, 2, 1)
    assert tags(parts, three[0]) == (("dog",), "model:fake")
    assert tags(parts, three[2])[0] == ("from its source",)
    assert sort(parts, says("dog", "cat")).tagged == 0
    assert sort(parts, says("dog", "cat"), multi=True).tagged == 2
    assert tags(parts, three[0]) == (("dog", "cat"), "model:fake")
    assert sort(parts, says("dog", none=0.95)) == Sorted(3, {}, 3, 2, 1)
    assert tags(parts, three[0]) == ((), "")


def test_a_person_wins_before_and_after(parts: FakeParts, three: list[str]) -> None:
    edit_item(parts, SCOPE, three[0], Change(tags=()))
    sort(parts, says("dog"))
    assert tags(parts, three[0])[0] == ()
    edit_item(parts, SCOPE, three[1], Change(tags=("mine",)))
    sort(parts, says("cat"))
    assert tags(parts, three[1]) == (("mine",), "person")


def test_nothing_is_written_unless_it_is_to_be_stored_and_no_other_tenants(
    parts: FakeParts, three: list[str]
) -> None:
    before = dict(parts.store.saved)
    assert sort(parts, says("dog"), store=False) == Sorted(3, {"dog": 3}, 0, 0, 0)
    assert sort(parts, says("dog"), scope=Scope("other", "photos")) == Sorted(0, {}, 0, 0, 0)
    assert parts.store.saved == before
    assert len(three) == 3
