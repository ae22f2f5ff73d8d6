"""Searches that ask for ids alone, answered from what Milvus Lite holds in memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from milvus_lite.adapter.grpc.errors import success_status_kwargs
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.adapter.grpc.translators.search import parse_search_request
from milvus_lite.exceptions import MilvusLiteError
from milvus_lite.index.brute_force import BruteForceIndex
from numpy.typing import NDArray
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

from rag.store.embedded.state import Floats, State, States, Truths

logger = logging.getLogger(__name__)

USUAL: Final = {
    "group_by_field": None,
    "offset": 0,
    "partition_names": None,
    "radius": None,
    "range_filter": None,
    "ranker": None,
    "rerank": None,
    "round_decimal": -1,
    "order_by_fields": None,
    "timezone": None,
}
"""What a request says that asks for the best and nothing else."""

Best: TypeAlias = tuple[NDArray[np.int64], Floats]
"""Rows of a segment and their scores, best first."""


class Servicer(MilvusServicer):  # type: ignore[misc]  # the package ships no type information
    """Milvus Lite's answers, the same ones sooner where only ids are asked for.

    3.2.2 makes Python values of every field of each row that it finds, vectors too, before it leaves out what
    was not asked for; looks at every stored row in Python to tell whether it still counts; and adds up BM25
    in Python. That is most of what a search costs. What is asked otherwise, or of rows that are not flushed
    yet, Milvus Lite answers.
    """

    def __init__(self, lite: Any, states: States) -> None:
        super().__init__(lite)
        self._states = states

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802  # gRPC's name
        found = None
        if self._states.known():
            try:
                found = self._found(self._get_collection(request, context), parse_search_request(request))
            except MilvusLiteError:
                pass  # it says why
            except Exception:
                logger.exception("Milvus Lite is asked for what could not be found past it")
        return super().Search(request, context) if found is None else found

    def _found(self, collection: Any, asked: Mapping[str, Any]) -> Any | None:
        metric = collection.resolve_search_metric(asked["anns_field"], asked["metric_type"])
        if metric not in ("COSINE", "BM25") or not _is_simple(asked, collection.pk_field):
            return None
        state = self._states.of(collection)
        best = None if state is None else _Search(collection, state, asked, metric).best()
        return None if best is None else _answer(collection, asked["top_k"], *best)


class _Search:
    """One search of a state."""

    def __init__(self, collection: Any, state: State, asked: Mapping[str, Any], metric: str) -> None:
        self._state = state
        self._limit = int(asked["top_k"])
        self._name = collection._resolve_anns_field(asked["anns_field"])
        self._params = asked["search_params"]
        self._by_words = metric == "BM25"
        given = asked["query_vectors"]
        self._query: Any = (
            collection._prepare_sparse_queries(given, self._name)[0] if self._by_words else _unit(given[0])
        )
        self._fitting = state.fitting(collection, asked["expr"])

    def best(self) -> tuple[list[str], list[float]] | None:
        """Ids and scores, best first, equal ones as they are stored; None where Milvus Lite has to look."""
        ids: list[str] = []
        scores = [np.zeros(0, np.float32)]
        for segment, wanted in self._fitting:
            found = self._matching(segment, wanted) if self._by_words else self._nearest(segment, wanted)
            if found is None:
                return None
            ids += [segment.pks[row] for row in found[0].tolist()]
            scores.append(found[1])
        together = np.concatenate(scores)
        order = np.argsort(-together, kind="stable")[: self._limit]
        told = -together[order] if self._by_words else together[order]  # the less, the better, of BM25
        return [ids[place] for place in order.tolist()], told.tolist()

    def _nearest(self, segment: Any, wanted: Truths) -> Best:
        vectors, there = segment.vector_data(self._name)
        if there is not None:
            wanted = wanted & there
        index = segment.indexes.get(self._name)
        if index is None or isinstance(index, BruteForceIndex):
            scores = vectors @ self._query
            scores /= self._state.lengths(segment, self._name)
            return _best(scores, wanted, self._limit)
        rows, distances = index.search(
            self._query[np.newaxis],
            self._limit,
            valid_mask=None if wanted.all() else wanted,
            params=self._params,
        )
        found = rows[0] >= 0
        return rows[0][found], 1.0 - distances[0][found]

    def _matching(self, segment: Any, wanted: Truths) -> Best | None:
        words = self._state.words(segment, self._name)
        if words is None:
            return None
        scores = words.scores(self._query)
        return _best(scores, wanted & (scores > 0), self._limit)


def _is_simple(asked: Mapping[str, Any], key: str) -> bool:
    return (
        asked["output_fields"] == [key]
        and len(asked["query_vectors"]) == 1
        and not asked["function_chains"]
        and not asked["has_function_score"]
        and all(asked[name] == usual for name, usual in USUAL.items())
    )


def _unit(vector: Any) -> Floats:
    query = np.asarray(vector, np.float32)
    length = np.linalg.norm(query)
    return np.asarray(query / length if length else query, np.float32)


def _best(scores: Floats, wanted: Truths, limit: int) -> Best:
    """Of equal ones those that stand first."""
    rows = np.flatnonzero(wanted)
    own = scores[rows]
    if len(own) > limit:
        least = np.partition(own, len(own) - limit)[len(own) - limit]
        enough = own >= least
        rows, own = rows[enough], own[enough]
    order = np.argsort(-own, kind="stable")[:limit]
    return rows[order], own[order]


def _answer(collection: Any, limit: int, ids: list[str], scores: list[float]) -> Any:
    return milvus_pb2.SearchResults(
        status=common_pb2.Status(**success_status_kwargs()),
        results=schema_pb2.SearchResultData(
            num_queries=1,
            top_k=limit,
            ids=schema_pb2.IDs(str_id=schema_pb2.StringArray(data=ids)),
            scores=scores,
            topks=[len(ids)],
            primary_field_name=collection.pk_field,
        ),
        collection_name=collection.name,
    )
