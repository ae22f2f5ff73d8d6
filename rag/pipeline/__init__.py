"""The path of a question: search, rerank, abstain or describe, number, answer. Start at ``pipeline``."""

from rag.pipeline.answering import AWAY, IMAGE_QUESTION
from rag.pipeline.evidence import describe, number
from rag.pipeline.pipeline import Pipeline

__all__ = ["AWAY", "IMAGE_QUESTION", "Pipeline", "describe", "number"]
