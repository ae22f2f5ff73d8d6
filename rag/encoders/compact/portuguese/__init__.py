"""Portuguese for an encoder that reads English: texts are turned into English words before it."""

from rag.encoders.compact.portuguese.detection import is_portuguese
from rag.encoders.compact.portuguese.gloss import in_english, not_understood
from rag.encoders.compact.portuguese.lexicon import digest

__all__ = ["digest", "in_english", "is_portuguese", "not_understood"]
