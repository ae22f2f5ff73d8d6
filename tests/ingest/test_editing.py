"""A person's edit wins over every source, whatever happens around it, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.editing import Change, edit_item
from ingest.layers import named_by, patched
from ingest.origins import caption_origin, edited, tags_origin
from ingest.removal import remove
from ingest.run import ingest
from ingest.sources import walk
from rag.errors import Changed, InvalidInput, NotFound, RecordsUnavailable, StoreUnavailable
from rag.types import JSON, Item, content_hash, item_id

from .conftest import SCOPE, FakeParts, Run, picture, save, text_vector
from .documents.conftest import docx, drawing, paragraph, png
from .test_on_milvus import opened

ID = item_id(SCOPE, content_hash(picture(1)))


def item(parts: FakeParts, item_id: str = ID) -> Item:
    return parts.store.saved[item_id].item


@pytest.fixture
def photo(photos: Path, run: Run) -> Path:
    """A photo with a caption of its own, as it was ingested."""
    save(photos / "a.png", picture(1))
    save(photos / "a.json", '{"caption": "a dog", "tags": ["dog"], "place": "Lisboa", "year": 2024}')
    run()
    return photos / "a.json"


@pytest.mark.usefixtures("photo")
def test_a_caption_of_a_person_is_encoded_and_said_to_be_theirs(parts: FakeParts) -> None:
    after = edit_item(parts, SCOPE, ID, Change(caption=" a wolf "), clock=lambda: 5000)
    assert (after.caption, caption_origin(after), after.updated_at) == ("a wolf", "person", 5000)
    assert (item(parts), after.tags, tags_origin(after)) == (after, ("dog",), "sidecar")
    vector = parts.store.saved[ID].caption_vector
    assert vector is not None
    assert np.array_equal(vector, text_vector("a wolf"))


@pytest.mark.usefixtures("photo")
def test_what_is_no_longer_as_it_was_read_is_not_changed(parts: FakeParts) -> None:
    read = item(parts)
    after = edit_item(parts, SCOPE, ID, Change(caption="a wolf"), if_still=lambda now: now == read)
    with pytest.raises(Changed, match=ID):
        edit_item(parts, SCOPE, ID, Change(caption="a fox"), if_still=lambda now: now == read)
    assert item(parts) == after


def test_another_caption_of_the_source_does_not_replace_it(parts: FakeParts, photo: Path, run: Run) -> None:
    edit_item(parts, SCOPE, ID, Change(caption="a wolf"))
    assert run().files[0].status == "unchanged"
    save(photo, '{"caption": "a cat", "tags": ["cat"]}')
    (receipt,) = run().files
    assert (receipt.status, "what a person wrote was kept" in receipt.reason) == ("indexed", True)
    assert (item(parts).caption, item(parts).tags) == ("a wolf", ("cat",))
    vector = parts.store.saved[ID].caption_vector
    assert vector is not None
    assert np.array_equal(vector, text_vector("a wolf"))
    assert run().files[0].status == "unchanged"


def test_taken_back_it_is_what_the_source_says_now(parts: FakeParts, photo: Path, run: Run) -> None:
    change = Change(caption="a wolf", tags=("wolf",), metadata={"place": "Porto", "by": "Ana"})
    edit_item(parts, SCOPE, ID, change)
    save(photo, '{"caption": "a cat", "tags": ["cat"], "place": "Faro"}')
    run()
    assert edited(item(parts)) == ["caption", "tags", "metadata.place", "metadata.by"]
    after = edit_item(parts, SCOPE, ID, Change(caption=None, tags=None, metadata=None))
    assert (after.caption, after.tags, edited(after)) == ("a cat", ("cat",), [])
    assert after.metadata == {"place": "Faro", "caption_origin": "sidecar", "tags_origin": "sidecar"}
    assert parts.records.edits.of(SCOPE, [ID]) == {}


def test_an_empty_caption_is_meant(parts: FakeParts, photo: Path, run: Run) -> None:
    edit_item(parts, SCOPE, ID, Change(caption="", tags=()))
    save(photo, '{"caption": "a cat", "tags": ["cat"]}')
    run()
    assert (item(parts).caption, item(parts).tags) == ("", ())
    assert parts.store.saved[ID].caption_vector is None


def test_metadata_is_merged_and_a_null_takes_away(parts: FakeParts, photo: Path, run: Run) -> None:
    edit_item(parts, SCOPE, ID, Change(metadata={"place": None, "camera": {"make": "A", "model": "B"}}))
    edit_item(parts, SCOPE, ID, Change(metadata={"camera": {"model": None}}))
    save(photo, '{"caption": "a dog", "tags": ["dog"], "place": "Faro", "year": 2025}')
    run()
    own = {"caption_origin": "sidecar", "tags_origin": "sidecar", "edited": ["place", "camera"]}
    assert item(parts).metadata == {"year": 2025, "camera": {"make": "A"}, **own}


@pytest.mark.usefixtures("photo")
def test_an_edit_comes_back_when_the_store_was_lost(parts: FakeParts, run: Run) -> None:
    edit_item(parts, SCOPE, ID, Change(caption="a wolf"))
    parts.store.saved.clear()
    assert "what a person wrote was kept" in run().files[0].reason
    assert (item(parts).caption, caption_origin(item(parts))) == ("a wolf", "person")


def test_an_edit_stays_when_the_records_were_lost(parts: FakeParts, photo: Path, run: Run) -> None:
    edit_item(parts, SCOPE, ID, Change(caption="a wolf", metadata={"place": None}))
    parts.records.edits.forget_collection(SCOPE)
    save(photo, '{"caption": "a cat", "place": "Faro"}')
    run()
    assert (item(parts).caption, "place" in item(parts).metadata) == ("a wolf", False)
    assert edit_item(parts, SCOPE, ID, Change(caption=None)).caption == "a cat"


def test_it_goes_with_its_item(parts: FakeParts, photo: Path, run: Run) -> None:
    edit_item(parts, SCOPE, ID, Change(caption="a wolf"))
    remove(parts, SCOPE, "item", ID)
    run()
    assert item(parts).caption == "a dog"
    edit_item(parts, SCOPE, ID, Change(caption="a wolf"))
    save(photo.with_name("a.png"), picture(2))
    run()
    save(photo.with_name("b.png"), picture(1))
    run()
    assert item(parts).caption == ""


def test_a_change_that_comes_while_a_file_is_on_its_way_wins(parts: FakeParts, photo: Path, run: Run) -> None:
    save(photo, '{"caption": "a cat"}')

    def edit(_: object) -> None:
        parts.fake.before = lambda _: None
        edit_item(parts, SCOPE, ID, Change(caption="a wolf"))

    parts.fake.before = edit  # the new description was compared and is being encoded
    run()
    assert item(parts).caption == "a wolf"
    vector = parts.store.saved[ID].caption_vector
    assert vector is not None
    assert np.array_equal(vector, text_vector("a wolf"))


def test_the_parts_of_a_document_can_be_edited(parts: FakeParts, photos: Path, run: Run) -> None:
    body = paragraph("Words about a lighthouse") + drawing("rId1")
    data = docx(body, {"a.png": png(1)})
    save(photos / "report.docx", data)
    run()
    figure = next(row.item for row in parts.store.saved.values() if "figure" in row.item.part)
    document = item_id(SCOPE, content_hash(data))
    edit_item(parts, SCOPE, figure.id, Change(caption="the tower", tags=("tower",)))
    edit_item(parts, SCOPE, document, Change(tags=("coast",)))
    assert item(parts, figure.id).tags == ("tower",)
    others = [row.item for row in parts.store.saved.values() if row.item.kind == "passage"]
    assert {other.tags for other in others} == {("coast",)}
    parts.store.saved.clear()
    run()
    assert (item(parts, figure.id).caption, item(parts, document).tags) == ("the tower", ("coast",))


def test_a_part_has_the_tags_of_its_document_also_after_an_edit(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    data = docx(paragraph("Words about a lighthouse") + drawing("rId1"), {"a.png": png(1)})
    save(photos / "report.docx", data)
    run()
    figure = next(row.item for row in parts.store.saved.values() if "figure" in row.item.part)
    edit_item(parts, SCOPE, figure.id, Change(caption="the tower"))
    edit_item(parts, SCOPE, item_id(SCOPE, content_hash(data)), Change(tags=("coast",)))
    edit_item(parts, SCOPE, figure.id, Change(caption="the lighthouse"))
    assert (item(parts, figure.id).caption, item(parts, figure.id).tags) == ("the lighthouse", ("coast",))


def test_what_is_taken_back_of_a_document_stays_said_of_its_parts(
    parts: FakeParts, photos: Path, run: Run
) -> None:
    data = docx(paragraph("Words about a lighthouse") + drawing("rId1"), {"a.png": png(1)})
    save(photos / "report.docx", data)
    run()
    figure = next(row.item for row in parts.store.saved.values() if "figure" in row.item.part)
    document = item_id(SCOPE, content_hash(data))
    edit_item(parts, SCOPE, document, Change(tags=("coast",)))
    edit_item(parts, SCOPE, figure.id, Change(caption="the tower"))
    edit_item(parts, SCOPE, document, Change(tags=None))
    assert list(parts.records.edits.of(SCOPE, [document, figure.id])) == [figure.id]


@pytest.mark.usefixtures("photo")
def test_an_edit_that_breaks_off_anywhere_loses_nothing_that_the_source_said(
    parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = item(parts)
    change = Change(caption="a wolf", tags=("wolf",), metadata={"place": "Porto"})
    for broken in (parts.records.edits, parts.store):
        name = "put" if broken is parts.records.edits else "upsert"
        with monkeypatch.context() as patch:
            patch.setattr(broken, name, Mock(side_effect=RecordsUnavailable("away")))
            with pytest.raises(RecordsUnavailable):
                edit_item(parts, SCOPE, ID, change)
        assert item(parts) == said
    with monkeypatch.context() as patch:  # written, but not found when read back
        patch.setattr(parts.store, "get", lambda *_: [])
        patch.setattr("ingest.editing.READ_BACK_S", 0)
        with pytest.raises(StoreUnavailable):
            edit_item(parts, SCOPE, ID, change)
    edit_item(parts, SCOPE, ID, change)
    back = edit_item(parts, SCOPE, ID, Change(caption=None, tags=None, metadata=None))
    assert (back.caption, back.tags, back.metadata) == (said.caption, said.tags, said.metadata)


@pytest.mark.usefixtures("photo")
def test_what_cannot_be_stored_is_refused_and_changes_nothing(parts: FakeParts) -> None:
    before = dict(parts.store.saved)
    refused: list[tuple[Change, str]] = [
        (Change(caption="x" * 9000), "8192 bytes"),
        (Change(tags=tuple(f"t{n}" for n in range(1001))), "1000 tags"),
        (Change(metadata={"caption_origin": "sidecar"}), "Olhar's own"),
        (Change(metadata={"a": "x" * 70_000}), "too much metadata"),
    ]
    for change, said in refused:
        with pytest.raises(InvalidInput, match=said):
            edit_item(parts, SCOPE, ID, change)
    with pytest.raises(NotFound):
        edit_item(parts, SCOPE, "0" * 32, Change(caption="x"))
    assert (parts.store.saved, parts.records.edits.of(SCOPE, [ID])) == (before, {})


def test_what_the_store_refuses_is_no_edit(parts: FakeParts, photo: Path, run: Run) -> None:
    def refuse(_: object) -> None:
        raise InvalidInput("not this row")

    parts.store.before_upsert = refuse
    with pytest.raises(InvalidInput):
        edit_item(parts, SCOPE, ID, Change(caption="a wolf"))
    parts.store.before_upsert = lambda _: None
    save(photo, '{"caption": "a cat"}')
    run()
    assert item(parts).caption == "a cat"


def test_an_edited_caption_is_found_on_milvus(tmp_path: Path, photos: Path) -> None:
    save(photos / "a.png", picture(1))
    with opened(tmp_path) as parts:
        ingest(parts, SCOPE, walk([photos]))
        after = edit_item(parts, SCOPE, ID, Change(caption="a wolf", metadata={"at": {"height": 0.1}}))
        assert parts.store.get(SCOPE, "image", [ID]) == [after]
        assert [i for i, _ in parts.store.search(SCOPE, "image", "bm25", "wolf", limit=5)] == [ID]


JSON_VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON_VALUES, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_is_what_the_keys_that_it_names_become(
    target: dict[str, JSON], patch: dict[str, JSON]
) -> None:
    named = named_by(target, patch)
    rest = {key: value for key, value in target.items() if key not in named}
    persons = {key: value for key, value in named.items() if value is not None}
    assert {**rest, **persons} == patched(target, patch)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(target: JSON, patch: JSON, result: JSON) -> None:
    assert patched(target, patch) == result


STEPS = st.lists(
    st.tuples(st.sampled_from(["source", "person", "back", "lost"]), st.sampled_from(["x", "y", ""])),
    max_size=5,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_happens_the_last_word_of_a_person_counts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("edits")
    parts = FakeParts(folder / "parts")
    sidecar = folder / "photos" / "a.json"
    save(sidecar.with_suffix(".png"), picture(1))
    theirs, persons = "", None
    acts: dict[str, Callable[[], object]] = {
        "source": lambda: save(sidecar, json.dumps({"caption": theirs})),
        "person": lambda: edit_item(parts, SCOPE, ID, Change(caption=persons)),
        "back": lambda: edit_item(parts, SCOPE, ID, Change(caption=None)),
        "lost": parts.store.saved.clear,
    }
    ingest(parts, SCOPE, walk([sidecar.parent]))
    for what, word in steps:
        theirs = word if what == "source" else theirs
        persons = word if what == "person" else None if what == "back" else persons
        acts[what]()
        ingest(parts, SCOPE, walk([sidecar.parent]))
        assert item(parts).caption == (theirs if persons is None else persons)
    parts.records.close()
