"""Groups get their share of what is listed, and lose nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.retrieval.fairness import DetGreedy
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import Fair, Query, SearchOptions
from tests.rag.retrieval.conftest import SCOPE, TOY, ToyEncoder, colour, row


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.tuples(*[st.integers(1, 9)] * 3))
def test_of_every_first_n_each_group_has_its_share_rounded_down(
    groups: list[str], parts: tuple[int, int, int]
) -> None:
    shares = {name: part / sum(parts) for name, part in zip("abc", parts, strict=True)}
    order = list(DetGreedy(shares).order(groups))
    assert sorted(order) == list(range(len(groups)))
    for name in "abc":
        own = [place for place in order if groups[place] == name]
        assert own == sorted(own)  # within a group relevance decides
    for n in range(1, len(order) + 1):
        first = [groups[place] for place in order[:n]]
        if all(first.count(name) < groups.count(name) for name in "abc"):
            for name in "abc":
                assert math.floor(n * shares[name] + 1e-9) <= first.count(name)
                assert first.count(name) <= math.ceil(n * shares[name] - 1e-9)


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_of_two_groups_each_always_has_its_share(groups: list[str], share: float) -> None:
    shares = {"a": share, "b": 1 - share}
    order = list(DetGreedy(shares).order(groups))
    for n in range(1, len(order) + 1):
        first = [groups[place] for place in order[:n]]
        if all(first.count(name) < groups.count(name) for name in "ab"):
            for name in "ab":
                assert math.floor(n * shares[name] + 1e-9) <= first.count(name)
                assert first.count(name) <= math.ceil(n * shares[name] - 1e-9)


def test_the_order_is_that_of_the_algorithm() -> None:
    """By hand: b is due at 2 and 4; what no group is short of goes to the best."""
    assert list(DetGreedy({"a": 0.5, "b": 0.5}).order("aaaabb")) == [0, 4, 1, 5, 2, 3]
    thirds = {"a": 0.4, "b": 0.3, "c": 0.3}
    assert list(DetGreedy(thirds).order("aaaaabbbccc"))[:5] == [
        0,
        5,
        1,
        8,
        6,
    ]  # c is due at 4, though b is better
    assert list(DetGreedy({"a": 0.5}).order(["", "a", "a", ""])) == [0, 1, 2, 3]
    assert list(DetGreedy({"a": 1.0}).order(["", "", "a"])) == [2, 0, 1]


def test_a_search_lists_groups_by_their_shares_page_by_page(store: MilvusStore) -> None:
    reds = [row(f"m{n}", colour(250, n, 0)) for n in range(6)]
    dull = [row(f"w{n}", colour(200, 120 + n, 0)) for n in range(6)]
    store.upsert(
        [replace(one, item=replace(one.item, metadata={"who": one.item.source[0]})) for one in (*reds, *dull)]
    )
    toy = ToyEncoder()
    retriever = Retriever(store, toy, toy, TOY)

    def listed(options: SearchOptions, limit: int = 4) -> tuple[str, str]:
        result = retriever.search(SCOPE, Query("red"), limit=limit, listing=options)
        return "".join(hit.item.source[0] for hit in result.hits), result.next

    fair = SearchOptions(group="none", fair=Fair("who", (("m", 0.5), ("w", 0.5))))
    assert listed(SearchOptions(group="none"))[0] == "mmmm"
    assert listed(replace(fair, fair=Fair("metadata.who", fair.fair.shares)))[0] == "mwmw"  # type: ignore[union-attr]  # it is fair
    first, cursor = listed(fair)
    assert first == "mwmw"
    assert first + listed(replace(fair, cursor=cursor))[0] == listed(fair, 8)[0] == "mwmwmwmw"
    with pytest.raises(InvalidInput, match="another query"):
        listed(SearchOptions(group="none", cursor=cursor))
    for shares in ((), (("m", 0.0),), (("m", 0.8), ("w", 0.8))):
        with pytest.raises(InvalidInput, match="the shares of 'who'"):
            listed(SearchOptions(fair=Fair("who", shares)))
