"""The scores of ``rag.retrieval`` for many queries and all photos at once.

``rag.retrieval.legs.score`` and ``rag.retrieval.fusion.log_odds`` take one query and one item at a time;
these are the same numbers as matrices, and a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.folding import fold_query, words
from rag.types import Calibration, Leg, LegWeights, Matrix, Vector

Scores: TypeAlias = NDArray[np.float64]
"""Shape (queries, photos); ``-inf`` where the leg does not find the photo."""


class Gallery:
    """Photos as they are stored: their vectors, and for some of them a caption with its vector."""

    def __init__(
        self,
        image_vectors: Matrix,
        caption_vectors: Mapping[int, Vector],
        captions: Sequence[str],
        calibration: Calibration,
    ) -> None:
        """``image_vectors`` has shape (photos, dim); ``caption_vectors`` goes by the photo's place."""
        self._images = image_vectors
        self._captioned = np.array(sorted(caption_vectors), np.intp)
        self._captions = np.array([caption_vectors[place] for place in sorted(caption_vectors)], np.float32)
        self._calibration = calibration
        places: dict[str, list[int]] = {}
        for place, caption in enumerate(captions):
            for word in words(caption):
                places.setdefault(word, []).append(place)
        self._postings = {word: np.array(found, np.intp) for word, found in places.items()}

    def scores(
        self, queries: Sequence[str], by_image: Matrix, by_caption: Matrix | None
    ) -> dict[Leg, Scores]:
        """Each leg alone: cosines in [-1, 1], and for ``bm25`` the share of the query's words, above 0.

        ``by_image`` and ``by_caption`` are the queries' vectors, of shape (queries, dim). Without
        ``by_caption`` there is the image leg only.
        """
        legs: dict[Leg, Scores] = {"image": (by_image @ self._images.T).astype(np.float64)}
        if by_caption is not None and len(self._captioned):
            caption = np.full((len(queries), len(self._images)), -np.inf)
            caption[:, self._captioned] = by_caption @ self._captions.T
            coverage = np.stack([self._coverage(query) for query in queries])
            legs["caption"] = caption
            legs["bm25"] = np.where(coverage > 0, coverage, -np.inf)
        return legs

    def fused(self, legs: Mapping[Leg, Scores]) -> Scores:
        """The log-odds of every photo: by the weights for what is known of it."""
        image = legs["image"]
        fused = _linear(self._calibration.image_only, image)
        if "caption" in legs:
            some = self._captioned
            bm25 = legs["bm25"][:, some]
            fused[:, some] = _linear(
                self._calibration.full,
                image[:, some],
                legs["caption"][:, some],
                np.where(np.isfinite(bm25), bm25, 0.0),
            )
        return fused

    def _coverage(self, query: str) -> Scores:
        asked = frozenset(fold_query(query).split())
        counts = np.zeros(len(self._images))
        for word in asked & self._postings.keys():
            counts[self._postings[word]] += 1
        return counts / max(1, len(asked))


def _linear(
    weights: LegWeights, image: Scores, caption: Scores | float = 0.0, bm25: Scores | float = 0.0
) -> Scores:
    return weights.bias + weights.image * image + weights.caption * caption + weights.bm25 * bm25
