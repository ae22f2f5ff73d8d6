"""The path of a question: search, rerank, abstain or describe, number, answer. Start at ``pipeline``."""

from rag.pipeline.evidence import describe, number
from rag.pipeline.pipeline import AWAY, Pipeline

__all__ = ["AWAY", "Pipeline", "describe", "number"]
