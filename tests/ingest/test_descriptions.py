"""What is stored of a description is clean, bounded, and says what it left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.descriptions import CAPTION_BYTES, METADATA_BYTES, Description, describe, shortened

GIVEN = Description("one", ("two", "three", "two"), ("tag",), {"place": "Lisbon"})


def test_the_first_caption_is_indexed_and_the_others_are_kept() -> None:
    described = describe(GIVEN, all_captions=False)
    assert (described.caption, described.text, described.words) == ("one", "", "one")
    assert described.metadata == {"place": "Lisbon", "captions": ["two", "three"]}
    assert described.tags == ("tag",)
    assert described.note == ""


def test_all_captions_are_indexed_when_asked() -> None:
    described = describe(GIVEN, all_captions=True)
    assert (described.caption, described.text) == ("one", "two\nthree")
    assert described.words == "one\ntwo\nthree"


def test_without_a_first_caption_the_next_one_is_it() -> None:
    assert describe(Description(captions=("", "two")), all_captions=False).caption == "two"


def test_what_is_too_long_is_cut_between_characters_and_said() -> None:
    described = describe(Description("é" * CAPTION_BYTES), all_captions=False)
    assert described.caption == "é" * (CAPTION_BYTES // 2)
    assert str(CAPTION_BYTES) in described.note


def test_too_much_metadata_is_left_out_and_said() -> None:
    described = describe(Description("a", metadata={"x": "y" * METADATA_BYTES}), all_captions=False)
    assert described.metadata == {}
    assert "metadata left out" in described.note


def test_further_captions_do_not_push_out_other_metadata() -> None:
    given = Description("a", ("b" * METADATA_BYTES,), metadata={"place": "Lisbon"})
    described = describe(given, all_captions=False)
    assert described.metadata == {"place": "Lisbon"}
    assert "further captions left out" in described.note


def test_metadata_that_is_no_json_is_left_out() -> None:
    described = describe(Description("a", metadata={"endless": float("inf")}), all_captions=False)
    assert described.metadata == {}
    assert "metadata left out" in described.note


def test_what_is_not_kept_is_not_sent() -> None:
    short, note = shortened(Description("a", ("b" * METADATA_BYTES,)), all_captions=False)
    assert short == Description("a")
    assert "further captions left out" in note


LONG = st.sampled_from(["", "a", "b" * CAPTION_BYTES + "é", "c" * METADATA_BYTES, "\ud800", "\0", " "])


@pytest.mark.parametrize("all_captions", [True, False])
@given(
    st.builds(
        Description,
        LONG,
        st.lists(LONG, max_size=3).map(tuple),
        st.lists(LONG, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["x", "captions"]), LONG),
    )
)
def test_a_shortened_description_comes_to_the_same(all_captions: bool, description: Description) -> None:
    short, note = shortened(description, all_captions=all_captions)
    whole, again = (describe(d, all_captions=all_captions) for d in (description, short))
    assert replace(again, note="") == replace(whole, note="")
    assert set(filter(None, (*note.split("; "), *again.note.split("; ")))) == set(
        filter(None, whole.note.split("; "))
    )


@pytest.mark.parametrize("all_captions", [True, False])
@given(
    st.builds(
        Description,
        st.text(st.characters()),
        st.lists(st.text(st.characters())).map(tuple),
        st.lists(st.text(st.characters())).map(tuple),
    )
)
def test_what_is_stored_is_valid_text(all_captions: bool, description: Description) -> None:
    described = describe(description, all_captions=all_captions)
    for text in (described.caption, described.text, *described.tags):
        assert "\0" not in text
        assert text.encode().decode() == text.strip()
    assert all(described.tags)
    again = describe(Description(described.caption, tags=described.tags), all_captions=False)
    assert (again.caption, again.tags) == (described.caption, described.tags)
