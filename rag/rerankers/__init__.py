"""Models that read a question and an item together, and say how likely the one answers the other."""

from rag.rerankers.opening import open_reranker
from rag.rerankers.reranker import ScoringReranker

__all__ = ["ScoringReranker", "open_reranker"]
