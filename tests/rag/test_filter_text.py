"""The text syntax of filters: what it means, what it refuses and where; never anything but InvalidInput."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.filter_size import conditions
from rag.filter_text import ANY_OF, HAS, LISTS, MAX_DEPTH, NUMBERS, TEXTS, parse_filter
from rag.filter_times import TIMES
from rag.store.filters import compile_filter
from rag.store.schema import FILTERABLE
from rag.types import AllOf, AnyOf, Filter, Not, Scope, Where


def seconds(*date: int) -> int:
    return int((datetime(*date) - datetime(1970, 1, 1)).total_seconds())  # type: ignore[arg-type]  # year, month, day …


BEACH = Where("tags", "contains", "beach")
PAGE = Where("page", "ge", 3)


def told(key: str, value: str | int) -> Filter:
    values = [value] if isinstance(value, str) else [value, str(value)]
    return AnyOf(tuple(Where(f"metadata.{key}", op, v) for v in values for op in ("eq", "contains")))  # type: ignore[arg-type]  # the tuple widens the literals


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("tags:beach", BEACH),
        ("  tag:beach ", BEACH),
        ('tags:"a \\"b\\" \\\\ c"', Where("tags", "contains", 'a "b" \\ c')),
        ("source:/a/b:c.jpg", Where("sources", "contains", "/a/b:c.jpg")),
        ("tags:beach,sea", AnyOf((BEACH, Where("tags", "contains", "sea")))),
        ("tags!=beach", Not(BEACH)),
        ("-tags:beach", Not(BEACH)),
        ("NOT tags:beach", Not(BEACH)),
        ("tags:beach page>=3", AllOf((BEACH, PAGE))),
        ("tags:beach AND page>=3", AllOf((BEACH, PAGE))),
        ("tags:beach OR page>=3 tags:beach", AnyOf((BEACH, AllOf((PAGE, BEACH))))),
        ("(tags:beach OR page>=3) tags:beach", AllOf((AnyOf((BEACH, PAGE)), BEACH))),
        ("-(tags:beach OR page>=3)", Not(AnyOf((BEACH, PAGE)))),
        ("kind:image", Where("kind", "eq", "image")),
        ("collection:a,b", Where("collection", "in", ("a", "b"))),
        ("collection!=a,b", Not(Where("collection", "in", ("a", "b")))),
        ("page:1,2", Where("page", "in", (1, 2))),
        ("has:caption", Where("caption", "ne", "")),
        ("-has:time", Not(Where("taken_at", "ne", 0))),
        ("metadata.by=Ana", Where("metadata.by", "eq", "Ana")),
        ("metadata.year<2020", Where("metadata.year", "lt", 2020)),
        ("metadata.iso<=1.5", Where("metadata.iso", "le", 1.5)),
        ('metadata.year="2020"', Where("metadata.year", "eq", "2020")),
        ('metadata."the year"=2020', Where("metadata.the year", "eq", 2020)),
        ("metadata.draft=true", Where("metadata.draft", "eq", True)),
        ("metadata.year:2020", told("year", 2020)),
        ("camera:X100", AnyOf(tuple(told(key, "X100") for key in ("camera_model", "camera_make", "camera")))),
        ("taken>=2024-01-01", Where("taken_at", "ge", seconds(2024, 1, 1))),
        ("taken>2024", Where("taken_at", "ge", seconds(2025, 1, 1))),
        ("taken<2024-05", AllOf((Where("taken_at", "lt", seconds(2024, 5, 1)), Where("taken_at", "ne", 0)))),
        ("taken<=2024-02", AllOf((Where("taken_at", "lt", seconds(2024, 3, 1)), Where("taken_at", "ne", 0)))),
        (
            "added:2023-12..2024",
            AllOf(
                (
                    Where("created_at", "ge", seconds(2023, 12, 1)),
                    Where("created_at", "lt", seconds(2025, 1, 1)),
                )
            ),
        ),
        (
            "changed:2024-05-17T14:30",
            AllOf(
                (
                    Where("updated_at", "ge", seconds(2024, 5, 17, 14, 30)),
                    Where("updated_at", "lt", seconds(2024, 5, 17, 14, 31)),
                )
            ),
        ),
        ("taken>=2024-05-17T14:30:05+01:00", Where("taken_at", "ge", seconds(2024, 5, 17, 13, 30, 5))),
    ],
)  # fmt: skip
def test_a_text_means_a_filter(text: str, meaning: Filter) -> None:
    assert parse_filter(text) == meaning


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "empty"),
        ("   ", 4, "empty"),
        ("tags:beach tagz:x", 12, "no field is called 'tagz'"),
        ("beach", 1, "after 'beach' comes one of"),
        ("tags:", 6, "a value is needed"),
        ('tags:"beach', 6, "not closed"),
        ("(tags:beach", 1, "not closed"),
        ("tags:beach)", 11, "closes none"),
        ("tags:beach OR", 14, "a condition is needed"),
        ("OR tags:beach", 1, "after 'OR'"),
        ("caption:dog", 1, "searched, not filtered"),
        ("tags<beach", 6, "is a list"),
        ("page:two", 6, "whole number"),
        ("page>1,2", 8, "takes one value"),
        ("taken>yesterday", 7, "is no time; write 2024"),
        ("taken:2024-02-30", 7, "is no time"),
        ("taken:..", 7, "needs a beginning or an end"),
        ("metadata.draft>true", 16, "no order"),
        ("has:wings", 5, "has: takes caption"),
        ("has=caption", 5, "has: takes caption"),
        ("-" * 9 + "tags:a", 10, "8 deep"),
        ("tags:" + ",".join("a" * 1001), 1, "1000 are allowed"),
        ("a" * 4097, 4097, "4096 are allowed"),
        ("tags:a place:" + ",".join(map(str, range(100))), 8, "1006 conditions, most of them here; 300 are"),
        ("page:1,x", 8, "whole number"),
        ("tenant:other", 1, "no field is called 'tenant'"),
        ("metadata.:x", 1, "no field is called 'metadata.'"),
    ],
)
def test_what_means_nothing_is_refused_at_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filter(text)
    assert str(caught.value).startswith(f"where, column {column}: ")
    assert says in str(caught.value)


def test_many_values_make_few_conditions() -> None:
    many = ",".join(map(str, range(500)))
    for text in (f"tags:{many}", f"id:{many}", f"-page:{many} source!={many}"):
        assert conditions(parse_filter(text)) == (2 if " " in text else 1)
    place = compile_filter(Scope("t"), parse_filter("place:" + ",".join(map(str, range(25)))))
    assert place.count("json_contains_any") == len(ANY_OF["place"])
    assert place.count("==") == 1 + 2 * 25 * len(ANY_OF["place"])


def test_every_name_is_a_stored_field() -> None:
    fields = {**TEXTS, **LISTS, **NUMBERS, **TIMES}
    for part in (*(Where(field, "eq", "") for field in fields.values()), *HAS.values()):
        for leaf in part.parts if isinstance(part, AllOf | AnyOf) else (part,):
            assert isinstance(leaf, Where)
            assert leaf.field in FILTERABLE or leaf.field.startswith("metadata.")
    assert not ANY_OF.keys() & fields.keys()


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = st.one_of(
    values.map(lambda v: (f"tags:{quoted(v)}", Where("tags", "contains", v))),
    values.map(lambda v: (f"source!={quoted(v)}", Not(Where("sources", "contains", v)))),
    st.integers(-(10**18), 10**18).map(lambda n: (f"page<={n}", Where("page", "le", n))),
    st.tuples(values.filter(bool), values).map(
        lambda kv: (f"metadata.{quoted(kv[0])}>{quoted(kv[1])}", Where(f"metadata.{kv[0]}", "gt", kv[1]))
    ),
    st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1)).map(
        lambda t: (
            f"added>={t:%Y-%m-%dT%H:%M:%S}",
            Where("created_at", "ge", int(t.replace(tzinfo=UTC, microsecond=0).timestamp())),
        )
    ),
)
Written = tuple[str, Filter, int]
"""A text, what it means, and how deep its brackets and negations stand."""


def joined(parts: list[Written], word: str, node: type[AllOf] | type[AnyOf]) -> Written:
    texts, meanings, depths = zip(*parts, strict=True)
    return word.join(f"({text})" for text in texts), node(meanings), 1 + max(depths)


written: st.SearchStrategy[Written] = st.recursive(
    leaves.map(lambda leaf: (*leaf, 0)),
    lambda part: st.one_of(
        st.lists(part, min_size=2, max_size=3).map(lambda parts: joined(parts, " ", AllOf)),
        st.lists(part, min_size=2, max_size=3).map(lambda parts: joined(parts, " OR ", AnyOf)),
        part.map(lambda one: (f"-({one[0]})", Not(one[1]), one[2] + 2)),
    ),
    max_leaves=5,
)


@given(one=written)
def test_what_is_written_is_read(one: Written) -> None:
    text, meaning, depth = one
    if depth > MAX_DEPTH:
        with pytest.raises(InvalidInput, match="deep"):
            parse_filter(text)
    else:
        assert parse_filter(text) == meaning


scraps = st.lists(
    st.sampled_from(
        ["tags:", "a", '"', "(", ")", " OR ", " AND ", "NOT ", "-", ",", "..", "taken", ">=", "2024", "-02",
         "has:time", "metadata.", "page", "=", "!=", "\\", "\0", "é", "1" * 30, "T10:00", "0000", "9999"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(text=scraps | st.text(max_size=40))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        compile_filter(Scope("t", "c"), parse_filter(text))
