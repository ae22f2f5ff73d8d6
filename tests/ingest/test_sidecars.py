"""Sidecars of any content give a description or a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.descriptions import Description
from ingest.sidecars import (
    SIDECAR_BYTES,
    chosen,
    load_captions,
    merged,
    parse_json,
    parse_line,
    parse_text,
    read_captions,
)
from rag.errors import InvalidInput

from .conftest import save


def test_all_keys() -> None:
    data = json.dumps(
        {
            "caption": " a dog ",
            "captions": ["a dog", "an animal"],
            "labels": ["dog", "pet"],
            "tags": "dog",
            "metadata": {"camera": "X"},
            "year": 2024,
        }
    )
    assert parse_json(data.encode()) == Description(
        "a dog", ("an animal",), ("dog", "pet"), {"camera": "X", "year": 2024}
    )


def test_a_line_of_captions() -> None:
    name, description = parse_line(b'{"file": "./images//x.jpg", "captions": ["one", "two"], "labels": []}')
    assert name == "images/x.jpg"
    assert description == Description("one", ("two",))


@pytest.mark.parametrize(
    "data",
    [
        b"a dog\r\n",
        b"\xef\xbb\xbfa dog",
        "\ufeffa dog".encode("utf-16-le"),
        b"\n  a dog\n\n",
    ],
)
def test_a_caption_as_text(data: bytes) -> None:
    assert parse_text(data) == Description("a dog")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b'{"captions": ["no file"]}', '"file"'),
        (b'{"file": 7}', '"file"'),
        (b'{"file": "."}', '"file"'),
        (b'{"file": "../../x.jpg"}', "leads out"),
        (b'{"file": "a/../../x.jpg"}', "leads out"),
        (b'{"file": "/etc/passwd"}', "leads out"),
        (b'{"file": "x\\u0000.jpg"}', "leads out"),
        (b'{"file": "x", "captions": [1]}', '"captions"'),
        (b'{"file": "x", "caption": {}}', '"caption"'),
        (b'{"file": "x", "labels": [null]}', '"labels"'),
        (b'{"file": "x", "metadata": []}', '"metadata"'),
        (b'{"file": "x", "n": NaN}', "NaN"),
        (b'{"file": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested"),
        (b" " * SIDECAR_BYTES + b"{}", "longer"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_line(line)


def test_one_wrong_line_hurts_no_other(tmp_path: Path) -> None:
    path = save(
        tmp_path / "captions.jsonl",
        b'\xef\xbb\xbf{"file": "a.jpg", "captions": ["A"]}\r\n\r\n'
        b'broken\r\n{"file": "b.jpg", "caption": "B"}',
    )
    captions = load_captions(path)
    assert captions.described == {"a.jpg": Description("A"), "b.jpg": Description("B")}
    assert [(p.line, p.path) for p in captions.problems] == [(3, path)]
    with pytest.raises(InvalidInput, match=r"captions\.jsonl:3: not JSON"):
        read_captions(path)


def test_lines_about_one_picture_add_up(tmp_path: Path) -> None:
    lines = [
        {"file": "a.jpg", "caption": "one", "labels": ["x"]},
        {"file": "./a.jpg", "caption": "two", "labels": ["y", "x"]},
    ]
    path = save(tmp_path / "captions.jsonl", "\n".join(map(json.dumps, lines)))
    assert read_captions(path) == {"a.jpg": Description("one", ("two",), ("x", "y"))}


def test_names_are_the_same_however_their_accents_are_written(tmp_path: Path) -> None:
    path = save(tmp_path / "captions.jsonl", json.dumps({"file": "cafe\u0301.jpg", "caption": "coffee"}))
    assert load_captions(path).of(tmp_path / "caf\u00e9.jpg") == Description("coffee")


def test_pictures_that_are_not_there_are_named(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", b"")
    lines = [{"file": name, "caption": "x"} for name in ("a.jpg", "b.jpg", "x" * 5000)]
    captions = load_captions(save(tmp_path / "captions.jsonl", "\n".join(map(json.dumps, lines))))
    assert [p.line for p in captions.missing()] == [2, 3]
    assert "'b.jpg'" in captions.missing()[0].reason


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    captions = load_captions(tmp_path / "captions.jsonl")
    assert not captions.described
    assert "cannot be read" in captions.problems[0].reason


def test_each_part_is_taken_from_the_first_that_has_it() -> None:
    one = Description(tags=("one",), metadata={"a": 1})
    two = Description("two", ("other",), ("two",), {"a": 2, "b": 2})
    assert chosen([one, two]) == Description("two", ("other",), ("one",), {"a": 1, "b": 2})
    assert chosen([]) == Description()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["file", "caption", "captions", "labels", "tags", "metadata", "other"])


@given(st.binary() | st.dictionaries(keys, json_values).map(lambda fields: json.dumps(fields).encode()))
def test_any_line_gives_a_description_or_a_reason(line: bytes) -> None:
    try:
        name, description = parse_line(line)
    except InvalidInput as error:
        assert str(error)  # noqa: PT017  # both outcomes are right
        return
    assert name
    assert not name.startswith("/")
    assert ".." not in name.split("/")
    assert description.caption or not description.captions
    json.dumps(dict(description.metadata), allow_nan=False)


texts = st.text(min_size=1).map(str.strip).filter(bool)
descriptions = st.builds(
    Description,
    caption=texts,
    captions=st.just(()),
    tags=st.lists(texts, unique=True).map(tuple),
    metadata=st.dictionaries(st.sampled_from("abc"), st.integers()),
)


@given(descriptions, descriptions)
def test_merging_loses_nothing(one: Description, other: Description) -> None:
    both = merged(one, other)
    assert both.caption == one.caption
    assert {both.caption, *both.captions} == {one.caption, other.caption}
    assert set(both.tags) == {*one.tags, *other.tags}
    assert both.metadata == {**other.metadata, **one.metadata}
    assert merged(one, one) == one


@given(descriptions)
def test_what_was_written_is_read_back(description: Description) -> None:
    fields = {
        "caption": description.caption,
        "tags": list(description.tags),
        "metadata": dict(description.metadata),
    }
    assert parse_json(json.dumps(fields).encode()) == description
