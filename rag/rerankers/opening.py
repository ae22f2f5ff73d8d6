"""OLHAR_RERANKER becomes a reranker."""

from __future__ import annotations

from typing import Protocol

from rag.errors import BadSettings
from rag.rerankers.ollama import PREFIX, VISION, OllamaScorer, Pictures
from rag.rerankers.reranker import ScoringReranker
from rag.rerankers.scorer import Scorer
from rag.types import RerankWeights


class RerankerSettings(Protocol):
    """The settings that choose a reranker, as in ``rag.settings``."""

    @property
    def reranker(self) -> str: ...
    @property
    def rerank_weights(self) -> str: ...
    @property
    def rerank_device(self) -> str: ...
    @property
    def rerank_parallel(self) -> int: ...
    @property
    def ollama_url(self) -> str: ...
    @property
    def ollama_keep_alive(self) -> str: ...
    @property
    def rerank_seconds(self) -> float: ...
    @property
    def rerank_load_seconds(self) -> float: ...


def open_reranker(settings: RerankerSettings, pictures: Pictures) -> ScoringReranker | None:
    """The reranker that the setting chooses, None for ``none``. It loads or connects at first use.

    ``pictures`` gives the picture with a SHA-256 to a model that sees, or None when it cannot be had.
    Raises BadSettings when the value names no kind.
    """
    if settings.reranker == "none":
        return None
    return ScoringReranker(
        _scorer(settings, pictures),
        weights_of(settings.rerank_weights),
        seconds=settings.rerank_seconds,
        load_seconds=settings.rerank_load_seconds,
    )


def weights_of(text: str) -> RerankWeights:
    """Bias, weight of the fusion and of the reranker; the default ones for an empty text."""
    if not text:
        return RerankWeights()
    bias, fusion, rerank = map(float, text.split(","))
    return RerankWeights(bias, fusion, rerank, fitted=True)


def _scorer(settings: RerankerSettings, pictures: Pictures) -> Scorer:
    kind, _, model = settings.reranker.partition(":")
    if kind == "cross-encoder" and model:
        from rag.rerankers.cross_encoder import CrossEncoderScorer

        return CrossEncoderScorer(model, device=settings.rerank_device)
    if settings.reranker.startswith((PREFIX, VISION)) and model:
        return OllamaScorer(
            settings.reranker,
            settings.ollama_url,
            pictures,
            parallel=settings.rerank_parallel,
            seconds=settings.rerank_seconds,
            load_seconds=settings.rerank_load_seconds,
            keep_alive=settings.ollama_keep_alive,
        )
    raise BadSettings(
        f"OLHAR_RERANKER={settings.reranker}: give `none`, `ollama:<model>`, `ollama-vision:<model>` or "
        "`cross-encoder:<name or folder>`"
    )
