"""Rows that are kept after reading are what the file would answer, or they are not kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rag.errors import InvalidInput, StoreUnavailable
from rag.store import MilvusStore
from rag.store.recent import RecentRows
from rag.types import Row, Scope

MakeRow = Callable[..., Row]
Open = Callable[..., MilvusStore]


def found(recent: RecentRows, row: Row, scope: Scope) -> bool:
    return row.item.id in recent.find("images", [row.item.id], scope)[0]


def test_what_was_read_before_or_while_somebody_wrote_is_not_kept(scope: Scope, make_row: MakeRow) -> None:
    recent, row, other = RecentRows(), make_row("a"), make_row("b")
    _, before = recent.find("images", ["a"], scope)
    with recent.changing("images", ["b"]):
        recent.keep("images", [row], before)
        _, while_writing = recent.find("images", ["a"], scope)
        recent.keep("images", [row], while_writing)
    recent.keep("images", [row], while_writing)
    assert not found(recent, row, scope)
    _, after = recent.find("images", ["a", "b"], scope)
    recent.keep("images", [row, other], after)
    assert found(recent, row, scope)
    with recent.changing("images", ["b"]):
        assert found(recent, row, scope)
        assert not found(recent, other, scope)


def test_rows_of_a_write_that_failed_are_never_kept_again(scope: Scope, make_row: MakeRow) -> None:
    recent, row = RecentRows(), make_row("a")
    with pytest.raises(TimeoutError), recent.changing("images", ["a"]):
        raise TimeoutError
    _, since = recent.find("images", ["a"], scope)
    recent.keep("images", [row, make_row("b")], since)
    assert not found(recent, row, scope)
    assert found(recent, make_row("b"), scope)


def test_a_write_that_was_refused_leaves_no_doubt(scope: Scope, make_row: MakeRow) -> None:
    recent, row = RecentRows(), make_row("a")
    with pytest.raises(InvalidInput), recent.changing("images", ["a"]):
        raise InvalidInput("a row is wrong")
    recent.keep("images", [row], recent.find("images", ["a"], scope)[1])
    assert found(recent, row, scope)


def test_a_row_holds_nothing_of_what_was_read_with_it(scope: Scope, make_row: MakeRow) -> None:
    recent, answer = RecentRows(), np.ones((1000, 16), np.float32)
    row = replace(make_row("a"), image_vector=answer[3])
    recent.keep("images", [row], recent.find("images", ["a"], scope)[1])
    kept = recent.find("images", ["a"], scope)[0]["a"].image_vector
    assert kept is not None
    assert kept.base is None


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"notes": ["x" * 100] * 40}},
        {"sources": tuple(f"{n:0>100}" for n in range(40))},
        {"ocr": "x" * 4000},
    ],
)
def test_whatever_makes_a_row_large_counts(scope: Scope, make_row: MakeRow, fields: dict[str, Any]) -> None:
    recent = RecentRows(limit=10 * 2400)
    rows = [make_row(f"r{n}", **fields) for n in range(10)]
    recent.keep("images", rows, recent.find("images", [], scope)[1])
    assert sum(found(recent, row, scope) for row in rows) < 5


def test_a_scope_finds_its_own_rows_alone(scope: Scope, make_row: MakeRow) -> None:
    recent, row = RecentRows(), make_row("a")
    recent.keep("images", [row], recent.find("images", [], scope)[1])
    assert found(recent, row, scope)
    assert found(recent, row, Scope(scope.tenant))
    assert not found(recent, row, Scope(scope.tenant, "elsewhere"))
    assert not found(recent, row, Scope("stranger", scope.collection))
    assert not recent.find("passages", ["a"], scope)[0]


def test_the_rows_read_longest_ago_make_room(scope: Scope, make_row: MakeRow) -> None:
    recent = RecentRows(limit=3 * 2600)
    rows = [make_row(f"r{n}") for n in range(5)]
    for row in rows[:4]:
        recent.keep("images", [row], recent.find("images", ["r0"], scope)[1])
    assert [found(recent, row, scope) for row in rows] == [True, False, True, True, False]


def test_a_row_is_read_from_the_file_once_until_it_changes(
    open_file: Open, scope: Scope, make_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_file(), open_file()  # a process may open a file twice
    row = make_row("a", caption="a cat")
    one.upsert([row])
    asked: list[Any] = []
    past = one._reads._past

    def watched(*args: Any, **more: Any) -> Any:
        asked.append(args)
        return past(*args, **more)

    monkeypatch.setattr(one._reads, "_past", watched)
    for _ in range(3):
        (read,) = one.rows(scope, "image", ["a"])
    assert read.item.caption == "a cat"
    assert len(asked) == 1
    assert read.image_vector is not None
    with pytest.raises(ValueError, match="read-only"):
        read.image_vector[0] = 1
    other.upsert([replace(row, item=replace(row.item, caption="a dog"))])
    assert one.rows(scope, "image", ["a"])[0].item.caption == "a dog"
    assert other.delete(scope, "image", ["a"]) == 1
    assert one.rows(scope, "image", ["a"]) == []


def test_a_closed_store_gives_no_rows_that_it_kept(open_file: Open, scope: Scope, make_row: MakeRow) -> None:
    one, other = open_file(), open_file()
    one.upsert([make_row("a")])
    assert one.rows(scope, "image", ["a"])
    one.close()
    assert other.rows(scope, "image", ["a"])
    with pytest.raises(StoreUnavailable, match="closed"):
        one.rows(scope, "image", ["a"])


def test_a_search_carries_ids_and_no_fields(
    open_file: Open, scope: Scope, make_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, fields = open_file(), list[Any]()
    store.upsert([make_row("a")])
    client = store._connection.client
    search = client.search

    def watched(*args: Any, **more: Any) -> Any:
        answer = search(*args, **more)
        fields.extend(hit["entity"] for hit in answer[0])
        return answer

    monkeypatch.setattr(client, "search", watched)
    assert store.search(scope, "image", "image", np.ones(16, np.float32), limit=1)
    assert [dict(entity) for entity in fields] in ([{"id": "a"}], [{}])
