"""The packaged encoder: no download, no GPU. English, and Portuguese word by word."""

from rag.encoders.compact.captions import CompactTextEncoder, MiniLMEncoder
from rag.encoders.compact.encoder import CompactEncoder
from rag.encoders.compact.towers import TextTower

__all__ = ["CompactEncoder", "CompactTextEncoder", "MiniLMEncoder", "TextTower"]
