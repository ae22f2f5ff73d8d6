"""What is stored of a description is clean, bounded, and says what it left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.descriptions import CAPTION_BYTES, METADATA_BYTES, Description, describe

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
