"""Query texts that come again are not encoded again: wrappers with the encoders' own interfaces."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from rag.encoders.wrapping import WrappedImageEncoder, WrappedTextEncoder
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Matrix, Vector

SIZE = 2048
"""Texts whose vectors are kept; with 1,024 numbers each that is 8 MB."""
MOST = 64
"""More texts than this in one call are a vocabulary, not queries: they would push the queries out."""
LONGEST = 2048
"""Characters: longer texts do not come twice."""


class RecentVectors:
    """The vectors of the texts used last. Safe to use from several threads."""

    def __init__(self, encode: Callable[[Sequence[str]], Matrix], size: int = SIZE) -> None:
        self._encode = encode
        self._size = size
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Matrix:
        """As ``encode``; a text that is kept is not passed on. The result is the caller's to change."""
        if not texts or len(texts) > MOST:
            return self._encode(texts)
        found = self._find(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            fresh = dict(zip(missing, self._encode(missing), strict=True))
            self._keep(fresh)
            found |= fresh
        return np.stack([found[text] for text in texts])

    def _find(self, texts: Sequence[str]) -> dict[str, Vector]:
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
            for text in found:
                self._kept.move_to_end(text)
        return found

    def _keep(self, fresh: dict[str, Vector]) -> None:
        with self._lock:
            for text, vector in fresh.items():
                if len(text) <= LONGEST:
                    self._kept[text] = vector.copy()  # a row would keep its whole matrix alive
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


class CachedImageEncoder(WrappedImageEncoder):
    """An ``ImageEncoder`` that remembers the vectors of the last query texts."""

    def __init__(self, encoder: ImageEncoder, size: int = SIZE) -> None:
        super().__init__(encoder)
        self._texts = RecentVectors(encoder.encode_text_queries, size)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts)


class CachedTextEncoder(WrappedTextEncoder):
    """A ``TextEncoder`` that remembers the vectors of the last queries."""

    def __init__(self, encoder: TextEncoder, size: int = SIZE) -> None:
        super().__init__(encoder)
        self._queries = RecentVectors(encoder.encode_queries, size)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._queries(texts)
