"""A reranker over the first items of each query, and the real search, beside the exact fusion."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.errors import ModelUnavailable
from rag.evaluation.datasets import read_dataset
from rag.evaluation.judging import Judged
from rag.evaluation.prepared import Prepared
from rag.evaluation.rankings import Ranker
from rag.evaluation.reranking import Reranked
from rag.evaluation.retrieval import Evaluation, evaluate
from rag.evaluation.stopwatch import Stopwatch
from rag.evaluation.stored import Stored
from rag.pipeline import describe
from rag.rerankers.reranker import ScoringReranker
from rag.rerankers.scorer import Model, Pair
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from tests.rag.evaluation.conftest import MakeDataset
from tests.rag.evaluation.test_retrieval import rows
from tests.rag.rerankers.conftest import RIGHT, FakeScorer
from tests.rag.retrieval.conftest import TOY, ToyEncoder


def reranked(folder: Path, scorer: FakeScorer, depth: int, *, seconds: float = 10) -> Evaluation:
    reranker = ScoringReranker(scorer, seconds=seconds, load_seconds=10)

    def more(ready: Prepared, _: Stopwatch) -> Sequence[Ranker]:
        return [Reranked(ready, TOY, reranker, describe, depth=depth)]

    toy = ToyEncoder()
    return evaluate(read_dataset(folder), "captioned", toy, toy, TOY, max_pixels=10**6, more=more)


def last(evaluation: Evaluation) -> Judged:
    return evaluation.rankings[-1]


def likes_red(pair: Pair) -> float:
    """Right about the known answers; else taken by one caption, whatever is asked."""
    return 0.999999 if pair in RIGHT or "Caption: red" in pair.text else 0.000001


def test_the_reranker_orders_the_first_and_leaves_the_others_behind(make_dataset: MakeDataset) -> None:
    """Of six queries "red dog" and "blue" are about the photo it likes."""
    found = reranked(make_dataset(*rows()), FakeScorer(likes_red), depth=4)
    assert last(found).name == "calibrated, reranked"
    assert last(found).measures["recall@1"].mean == pytest.approx(2 / 6, abs=1e-6)
    assert found.fused["recall@1"] > 2 / 6
    assert last(found).notes == {"reranker": "fake:model", "hits": 4, "applied": 6}
    assert last(found).reliability is not None
    assert {one.name for one in found.comparisons} == {"image", "caption", "bm25", "calibrated, reranked"}


def test_what_it_does_not_look_at_keeps_the_order_of_the_fusion(make_dataset: MakeDataset) -> None:
    folder = make_dataset(*rows())
    found = reranked(folder, FakeScorer(lambda _: 0.5), depth=2)
    assert last(found).measures["recall@5"] == found.rankings[3].measures["recall@5"]


def test_a_reranker_that_is_away_changes_nothing_and_that_is_said(make_dataset: MakeDataset) -> None:
    found = reranked(make_dataset(*rows()), FakeScorer(error=ModelUnavailable("gone, set OLHAR_RERANKER")), 3)
    assert last(found).notes["degraded"] == found.queries
    assert last(found).notes["reason"] == "gone, set OLHAR_RERANKER"
    assert last(found).measures == found.rankings[3].measures


def test_no_query_is_counted_as_asked_while_the_reranker_was_loading(make_dataset: MakeDataset) -> None:
    class Slow(FakeScorer):
        def load(self) -> Model:
            time.sleep(0.2)
            return super().load()

    found = reranked(make_dataset(*rows()), Slow(likes_red), 4, seconds=0.01)
    assert last(found).notes["applied"] == found.queries


@pytest.mark.parametrize("depth", [2, 4])
def test_the_search_over_a_store_ranks_as_the_exact_fusion_to_its_depth(
    make_dataset: MakeDataset, store: MilvusStore, depth: int
) -> None:
    toy = ToyEncoder()

    def more(ready: Prepared, stopwatch: Stopwatch) -> Sequence[Ranker]:
        retriever = Retriever(store, toy, toy, TOY, candidates=depth)
        return [Stored(ready, TOY, store, retriever, stopwatch, depth=depth)]

    dataset = read_dataset(make_dataset(*rows()))
    found = evaluate(dataset, "captioned", toy, toy, TOY, max_pixels=10**6, more=more)
    exact = found.rankings[3]
    assert last(found).measures["recall@1"] == exact.measures["recall@1"]
    assert last(found).recall_at[2] == exact.recall_at[2]
    assert last(found).notes == {"hits": depth, "another first item": 0}
    if depth == 4:
        assert last(found).measures == exact.measures
        assert last(found).reliability == exact.reliability
