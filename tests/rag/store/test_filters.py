"""Filters mean what plain Python says they mean, on the real store, whatever the strings."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.protocols import Store
from rag.store.filters import compile_filter, quote
from rag.types import AllOf, AnyOf, Filter, FilterOp, Item, Not, Row, Scope, Where

NASTY = (
    "",
    'a"',
    "\\",
    '\\"',
    'x" or 1==1 or id != "',
    "a\nb\r\tc",
    "é",
    "東京",
    "🐈",
    "'",
    "%",
    "\x00",
    "a",
    "b",
)
texts = st.sampled_from(NASTY) | st.text(max_size=6)
keys = st.sampled_from([*NASTY[1:], "k.k", "k"])
small = st.integers(-3, 3)
scalars = texts.filter(lambda t: not t.startswith("[")) | small | st.floats(-3, 3) | st.booleans()

items = st.fixed_dictionaries(
    {
        "caption": texts,
        "page": small,
        "taken_at": small,
        "tags": st.lists(texts, max_size=3).map(tuple),
        "metadata": st.dictionaries(keys, scalars | st.none() | st.lists(scalars, max_size=3), max_size=3),
    }
)

ORDER = ("lt", "le", "gt", "ge")
EQUAL = ("eq", "ne")


def where(fields: Any, operators: tuple[str, ...], values: Any) -> st.SearchStrategy[Where]:
    return st.builds(Where, fields, st.sampled_from(operators), values)


def any_of(field: str, operators: tuple[FilterOp, ...], values: list[Any]) -> Filter:
    """What the text form makes of several values."""
    return AnyOf(tuple(AnyOf(tuple(Where(field, op, value) for op in operators)) for value in values))


paths = keys.map(lambda key: f"metadata.{key}")
leaves = st.one_of(
    where(st.just("caption"), EQUAL + ORDER, texts),
    where(st.just("caption"), ("in",), st.lists(texts, max_size=3)),
    where(st.sampled_from(["page", "taken_at"]), EQUAL + ORDER, small),
    where(st.just("page"), ("in",), st.lists(small, max_size=3)),
    where(st.just("tags"), ("contains",), texts),
    where(st.just("has_image"), EQUAL, st.booleans()),
    where(paths, EQUAL, scalars),
    where(paths, ORDER, texts | small | st.floats(-3, 3)),
    where(paths, ("in",), st.lists(scalars, max_size=3)),
    where(paths, ("contains",), scalars),
    st.builds(
        lambda path, values: any_of(path, ("eq", "contains"), values), paths, st.lists(scalars, max_size=4)
    ),
    st.lists(texts, max_size=4).map(lambda values: any_of("tags", ("contains",), values)),
)
trees: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda part: st.one_of(
        st.lists(part, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(part, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        part.map(Not),
    ),
    max_leaves=6,
)

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": lambda value, among: any(value == one for one in among),
    "contains": lambda values, one: isinstance(values, list | tuple) and one in values,
}


def holds(part: Filter, item: Item, *, has_image: bool = True) -> bool | None:
    """The oracle. None is neither: an ordering of two things that have none."""
    if isinstance(part, Not):
        inner = holds(part.part, item, has_image=has_image)
        return None if inner is None else not inner
    if isinstance(part, AllOf | AnyOf):
        results = {holds(p, item, has_image=has_image) for p in part.parts}
        decides = isinstance(part, AnyOf)
        return decides if decides in results else None if None in results else not decides
    if part.op == "ne":
        return not holds(Where(part.field, "eq", part.value), item, has_image=has_image)
    if part.field.startswith("metadata."):
        value: Any = item.metadata.get(part.field.removeprefix("metadata."))
        if value is None:
            return False
    else:
        value = has_image if part.field == "has_image" else getattr(item, part.field)
    try:
        return bool(OPERATORS[part.op](value, part.value))
    except TypeError:
        return None


examples = itertools.count()


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(items, min_size=1, max_size=6), tree=trees)
def test_a_filter_selects_what_plain_python_selects(
    store: Store, drawn: list[dict[str, Any]], tree: Filter
) -> None:
    scope = Scope(f"filters{next(examples)}", "c")
    stored = [
        Item(f"{scope.tenant}-{n}", scope.tenant, "c", "h", ("s",), **fields)
        for n, fields in enumerate(drawn)
    ]
    store.upsert([Row(item, np.ones(16, dtype=np.float32)) for item in stored])
    found = store.scan(scope, "image", where=tree)
    assert found == [item for item in stored if holds(tree, item)]
    assert store.count(scope, "image", tree) == len(found)


def test_the_empty_filters(store: Store) -> None:
    scope = Scope("empty-filters", "c")
    store.upsert([Row(Item("empty-filters-1", "empty-filters", "c", "h", ("s",)))])
    counts = [
        store.count(scope, "image", part) for part in (AllOf(()), AnyOf(()), Not(AllOf(())), Not(AnyOf(())))
    ]
    assert counts == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Where("tenant", "eq", "other"), "metadata.<key>"),
        (Where("scope", "eq", "other"), "fields are id, collection"),
        (Where('id" or 1==1', "eq", "x"), "cannot filter by"),
        (Where("metadata", "eq", "x"), "cannot filter by"),
        (Where("metadata.", "eq", "x"), "no key"),
        (Where("caption", "eq", 3), "holds text"),
        (Where("caption", "contains", "x"), "does not fit"),
        (Where("tags", "eq", "x"), "does not fit"),
        (Where("tags", "contains", 1), "holds text"),
        (Where("page", "eq", "3"), "whole numbers"),
        (Where("page", "lt", 1.5), "whole numbers"),
        (Where("page", "eq", True), "whole numbers"),
        (Where("page", "eq", 2**63), "whole numbers"),
        (Where("page", "in", "12"), "a list of values"),
        (Where("page", "in", range(10_001)), "10000 are allowed"),
        (Where("has_image", "eq", 1), "true or false"),
        (Where("has_image", "lt", True), "does not fit"),
        (Where("metadata.a", "lt", True), "no order"),
        (Where("metadata.a", "eq", float("nan")), "cannot be compared"),
        (Where("metadata.a", "eq", None), "cannot be compared"),  # type: ignore[arg-type]  # what a caller without types may pass
        (Where("metadata.a", "like", "x"), "unknown operator"),  # type: ignore[arg-type]  # as above
        (Where("caption", "== '' or", "x"), "does not fit"),  # type: ignore[arg-type]  # as above
        (Where("caption", "eq", "\ud800"), "not valid Unicode"),
        (Where("metadata.\ud800", "eq", "x"), "not valid Unicode"),
        ("id != ''", "made of Where"),
        (Where("metadata.a", "in", range(401)), "401 conditions; 400 are allowed"),
        (Not(AllOf((Where("page", "eq", 1),) * 401)), "401 conditions; 400 are allowed"),
        (AnyOf(tuple(Where("caption", "contains", "x") for _ in "ab")), "does not fit"),
        (AnyOf(tuple(Where("metadata.", "contains", "x") for _ in "ab")), "no key"),
        (AnyOf((Where("tags", "contains", "x"),) * 10_001), "10000 are allowed"),
    ],
)
def test_what_no_filter_may_say_is_refused(bad: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_filter(Scope("t"), bad)
    assert says in str(caught.value)


def test_a_filter_too_deep_is_refused() -> None:
    tree: Filter = Where("page", "eq", 1)
    for _ in range(5000):
        tree = Not(tree)
    with pytest.raises(InvalidInput, match="32 deep"):
        compile_filter(Scope("t"), tree)


def test_the_tenant_stands_in_every_filter_and_binds_strongest() -> None:
    text = compile_filter(Scope("t", "c"), AnyOf((Where("page", "eq", 1), Where("page", "eq", 2))))
    assert text == 'tenant == "t" and scope == "1:t:c" and (page == 1 or page == 2)'
    assert compile_filter(Scope('t" or 1==1')) == r'tenant == "t\" or 1==1"'


def test_quoting_uses_only_the_escapes_that_every_back_end_knows() -> None:
    assert quote('\\"\n\r\té\x01') == '"\\\\\\"\\n\\r\\té\x01"'
