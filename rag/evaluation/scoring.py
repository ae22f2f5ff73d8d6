"""The scores of ``rag.retrieval`` for many queries and all items at once.

``rag.retrieval.legs.score`` takes one query and its candidates; these are the same numbers for many queries,
and a test holds them equal. The fusions are those of ``rag.retrieval.fusion``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from rag.folding import query_stems, stems
from rag.retrieval.fusion import LegScores, Scores
from rag.retrieval.insight import NOTHING, Insight
from rag.types import Leg, Matrix, Vector

LEGS: Final[tuple[Leg, ...]] = ("image", "caption", "bm25")


class Gallery:
    """Items as they are stored: vectors of pictures, and for some of them a text with its vector."""

    def __init__(
        self,
        images: Matrix | None,
        texts: Mapping[int, Vector],
        stored: Sequence[str],
        insight: Insight = NOTHING,
    ) -> None:
        """``images`` has shape (items, dim), or is None for passages; ``texts`` has the vectors of what is
        in ``stored``, by the item's place; ``stored`` has a text for each item, empty for none."""
        self._insight = insight
        self._images = images
        self._size = len(stored)
        self._texted = np.array(sorted(texts), np.intp)
        self._texts = np.array([texts[place] for place in sorted(texts)], np.float32)
        places: dict[str, list[int]] = {}
        for place, text in enumerate(stored):
            for word in stems(text):
                places.setdefault(word, []).append(place)
        self._postings = {word: np.array(found, np.intp) for word, found in places.items()}
        self._agreement = self._agreed()

    def scores(self, queries: Sequence[str], by_image: Matrix | None, by_text: Matrix | None) -> LegScores:
        """Every leg of every item, NaN where it is missing: cosines in [-1, 1], and for ``bm25`` the
        share of the query's words in any of their forms.

        ``by_image`` and ``by_text`` are the queries' vectors, of shape (queries, dim), None where nothing is
        to be found by them.
        """
        image, caption, bm25 = (np.full((len(queries), self._size), np.nan) for _ in LEGS)
        if by_image is not None and self._images is not None:
            image[:] = by_image @ self._images.T
        if by_text is not None and len(self._texted):
            caption[:, self._texted] = by_text @ self._texts.T
            bm25[:, self._texted] = np.stack([self._coverage(query)[self._texted] for query in queries])
        agreement = np.broadcast_to(self._agreement, image.shape)
        return LegScores(image, caption, bm25, agreement, self._named(by_image, image))

    def _agreed(self) -> Scores:
        agreement = np.full(self._size, np.nan)
        if self._images is not None and len(self._texted):
            told = self._insight.agreement(self._texts, self._images[self._texted])
            if told is not None:
                agreement[self._texted] = told
        return agreement

    def _named(self, by_image: Matrix | None, cosines: Scores) -> Scores | None:
        if by_image is None or self._images is None:
            return None
        told = [
            self._insight.named_nearest(query, self._images, row.astype(np.float32))
            for query, row in zip(by_image, cosines, strict=True)
        ]
        return None if any(row is None for row in told) else np.array(told, np.float64)

    def _coverage(self, query: str) -> Scores:
        asked = query_stems(query)
        counts = np.zeros(self._size)
        for word in asked & self._postings.keys():
            counts[self._postings[word]] += 1
        return counts / max(1, len(asked))


def only(legs: LegScores, chosen: Sequence[Leg]) -> LegScores:
    """The scores with all legs missing that were not chosen, and what is told by them."""
    missing = np.full(legs.image.shape, np.nan)
    pictures, both = "image" in chosen, {"image", "caption"} <= set(chosen)
    return replace(
        legs,
        agreement=legs.agreement if both else None,
        named=legs.named if pictures else None,
        **{leg: missing for leg in LEGS if leg not in chosen},
    )


def alone(legs: LegScores, leg: Leg) -> Scores:
    """What one leg ranks by; ``-inf`` for what it does not find. BM25 finds by a shared word."""
    scores: Scores = getattr(legs, leg)
    found = scores > 0 if leg == "bm25" else ~np.isnan(scores)
    return np.where(found, scores, -np.inf)
