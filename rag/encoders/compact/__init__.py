"""The packaged encoder: no download, no GPU. English, and Portuguese word by word."""

from rag.encoders.compact.encoder import CompactEncoder, CompactTextEncoder
from rag.encoders.compact.towers import TextTower

__all__ = ["CompactEncoder", "CompactTextEncoder", "TextTower"]
