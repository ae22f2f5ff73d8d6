"""How likely texts that are not stored answer a question: what a search would say of passages with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rag.folding import query_stems
from rag.protocols import TextEncoder
from rag.retrieval.fusion import log_odds, probability
from rag.retrieval.legs import coverage
from rag.types import Calibration, Legs

AT_A_TIME: Final = 64
"""Texts that are encoded together."""


class TextRelevance:
    """Relevance by the text encoder's cosine and by the words shared. Safe to use from several threads."""

    def __init__(self, encoder: TextEncoder, calibration: Calibration) -> None:
        self._encoder = encoder
        self._calibration = calibration

    @property
    def name(self) -> str:
        """Of the text encoder."""
        return self._encoder.fingerprint.name

    @property
    def fitted(self) -> bool:
        """Whether its numbers were fitted to answers that are known."""
        return self._calibration.fitted

    def overlong(self, texts: Sequence[str]) -> Mapping[int, int]:
        """The texts whose end is not read: place, and number of tokens."""
        return self._encoder.overlong_documents(texts)

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float, ...]:
        """In [0, 1], in the order of the texts; 0 for an empty one."""
        asked = query_stems(question)
        (vector,) = self._encoder.encode_queries([question])
        found: list[float] = []
        for start in range(0, len(texts), AT_A_TIME):
            some = texts[start : start + AT_A_TIME]
            cosines = (self._encoder.encode_documents(some) * vector).sum(axis=1).tolist()
            found += [
                self._probability(cosine, coverage(asked, text)) if text.strip() else 0.0
                for text, cosine in zip(some, cosines, strict=True)
            ]
        return tuple(found)

    def _probability(self, cosine: float, words: float | None) -> float:
        return probability(log_odds(Legs(image=None, caption=cosine, bm25=words), self._calibration))
