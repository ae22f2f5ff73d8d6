"""The scores of ``rag.retrieval`` for many queries and all photos at once.

``rag.retrieval.legs.score`` takes one query and its candidates; these are the same numbers for many queries,
and a test holds them equal. The fusions are those of ``rag.retrieval.fusion``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rag.folding import fold_query, words
from rag.retrieval.fusion import Fusion, LegScores, Scores, calibrated
from rag.types import Calibration, Leg, Matrix, Vector


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
        """Each leg alone, ``-inf`` where it does not find the photo.

        Cosines in [-1, 1], and for ``bm25`` the share of the query's words, above 0.

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

    def fused(self, legs: Mapping[Leg, Scores], fusion: Fusion = calibrated) -> Scores:
        """What a fusion makes of the legs; ``-inf`` for a photo without any score."""
        missing = np.full(legs["image"].shape, np.nan)
        bm25 = missing.copy()
        if "bm25" in legs:
            found = legs["bm25"][:, self._captioned]
            bm25[:, self._captioned] = np.where(np.isfinite(found), found, 0.0)
        caption = legs.get("caption", missing)
        known = LegScores(legs["image"], np.where(np.isfinite(caption), caption, np.nan), bm25)
        return fusion(known, self._calibration)

    def _coverage(self, query: str) -> Scores:
        asked = frozenset(fold_query(query).split())
        counts = np.zeros(len(self._images))
        for word in asked & self._postings.keys():
            counts[self._postings[word]] += 1
        return counts / max(1, len(asked))
