"""What a collection of a Milvus Lite file holds at one time: its segments, and which of their rows count."""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from milvus_lite import __version__
from milvus_lite.index.sparse_inverted import SparseInvertedIndex
from milvus_lite.search.indexed_filter import evaluate_segment_filter
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Truths = NDArray[np.bool_]


KNOWN: Final = ("3.2.2",)
"""The versions of Milvus Lite of whose inside this is true. Another one is asked in the usual way, as long as
what is imported here is still there."""


class States:
    """The last state of each collection, kept until it is asked for the next. Safe for several threads."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, State] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @staticmethod
    def known() -> bool:
        """Whether this version of Milvus Lite can be looked into."""
        return __version__ in KNOWN

    def of(self, collection: Any) -> State | None:
        """As it is now; None while rows are written that are not flushed yet, and of a Milvus Lite whose
        inside is not known.

        While rows are being flushed they are in none of its places, as in Milvus Lite's own answers: nobody
        may be told that they are written before that is over. Raises MilvusLiteError when the collection is
        not loaded.
        """
        if not self.known():
            return None
        collection._require_loaded()
        if collection._memtable.size():
            return None
        segments, deleted = collection._read_snapshot()
        with self._lock:
            known = self._known.get(collection)
        if known is None or not known.holds(segments, deleted._map):
            known = State.of(segments, deleted._map, known)
            with self._lock:
                self._known[collection] = known
        return known


@dataclass(frozen=True, eq=False)
class State:
    """Segments, and of each its ``alive`` rows: those that are the last ones of their ids, and not deleted.

    Segments never change. What is made for one of them is taken over by the next state that has it.
    """

    segments: tuple[Any, ...]
    deleted: Mapping[str, int]
    alive: tuple[Truths, ...]
    _made: dict[tuple[int, str], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, segments: tuple[Any, ...], deleted: Mapping[str, int], before: State | None) -> State:
        """``deleted``: ids, and the number of the change that deleted them; rows with lower ones are gone."""
        last = dict(deleted)
        numbers = [segment.seqs.tolist() for segment in segments]
        for segment, own in zip(segments, numbers, strict=True):
            for item_id, number in zip(segment.pks, own, strict=True):
                if number >= last.get(item_id, 0):
                    last[item_id] = number
        alive = tuple(
            np.fromiter(
                (last[item_id] == number for item_id, number in zip(segment.pks, own, strict=True)),
                dtype=np.bool_,
                count=len(own),
            )
            for segment, own in zip(segments, numbers, strict=True)
        )
        there = {id(segment) for segment in segments}
        made = {} if before is None else {k: v for k, v in list(before._made.items()) if k[0] in there}
        return cls(segments, deleted, alive, made)

    def holds(self, segments: tuple[Any, ...], deleted: Mapping[str, int]) -> bool:
        """Whether it is the state of these."""
        same = len(segments) == len(self.segments) and all(map(operator.is_, segments, self.segments))
        return same and deleted == self.deleted

    def fitting(self, collection: Any, expression: str | None) -> Iterator[tuple[Any, Truths]]:
        """The segments with rows that count and fit a filter, and which rows those are.

        Raises MilvusLiteError for a filter that Milvus Lite does not understand.
        """
        compiled = collection._compile_filter(expression) if expression else None
        plan = collection._indexed_filter_plan(compiled)
        for segment, alive in zip(self.segments, self.alive, strict=True):
            fits = alive
            if compiled is not None:
                fits = np.logical_and(alive, evaluate_segment_filter(segment, compiled, plan))
            if fits.any():
                yield segment, fits

    @cached_property
    def places(self) -> Mapping[str, tuple[int, int]]:
        """By id: the number of the segment, and of the row in it."""
        return {
            segment.pks[row]: (number, row)
            for number, (segment, alive) in enumerate(zip(self.segments, self.alive, strict=True))
            for row in np.flatnonzero(alive).tolist()
        }

    def lengths(self, segment: Any, name: str) -> Floats:
        """Of the vectors of a field; 1 in place of 0."""
        found: Floats | None = self._made.get((id(segment), name))
        if found is None:
            vectors, _ = segment.vector_data(name)
            found = np.asarray(np.linalg.norm(vectors, axis=1), np.float32)
            found[found == 0] = 1.0
            self._made[id(segment), name] = found
        return found

    def words(self, segment: Any, name: str) -> Words | None:
        """Of a field for BM25; None before Milvus Lite has made its index of it."""
        index = segment.sparse_indexes.get(name)
        if not isinstance(index, SparseInvertedIndex):
            return None
        found: Words | None = self._made.get((id(segment), name))
        if found is None or found.index is not index:
            found = self._made[id(segment), name] = Words(index)
        return found


class Words:
    """What each word adds to the BM25 scores of a segment's rows, in arrays; Milvus Lite adds row by row.

    The formula and its numbers are those of Milvus Lite's index.
    """

    def __init__(self, index: SparseInvertedIndex) -> None:
        self.index = index
        self._of: dict[int, tuple[NDArray[np.int64], Floats]] = {}

    def scores(self, words: Mapping[int, float]) -> Floats:
        """Of every row, 0 where it holds none of the words; ``words``: hashes, and how much each counts."""
        found = np.zeros(len(self.index._doc_lengths), np.float32)
        for word, times in words.items():
            rows, adds = self._adds(word)
            found[rows] += adds * np.float32(times)
        return found

    def _adds(self, word: int) -> tuple[NDArray[np.int64], Floats]:
        known = self._of.get(word)
        if known is None:
            posting = self.index._posting_lists.get(word)
            if not posting:  # not kept: there is no end of words that stand nowhere
                return np.zeros(0, np.int64), np.zeros(0, np.float32)
            known = self._of[word] = self._made(posting, self.index._df[word])
        return known

    def _made(self, posting: Sequence[tuple[int, float]], holding: int) -> tuple[NDArray[np.int64], Floats]:
        index = self.index
        rows = np.array([row for row, _ in posting], np.int64)
        times = np.array([often for _, often in posting], np.float32)
        rare = math.log((index.doc_count - holding + 0.5) / (holding + 0.5) + 1.0)
        length = index._doc_lengths[rows] / (index.avgdl or 1.0)
        adds = rare * times * (index.k1 + 1.0) / (times + index.k1 * (1.0 - index.b + index.b * length))
        return rows, np.asarray(adds, np.float32)
