"""Milvus Lite in this process: called without its server, and past it where it takes long."""

from rag.store.embedded.channel import EmbeddedChannel, Failed
from rag.store.embedded.reading import matching, records, tally

__all__ = ["EmbeddedChannel", "Failed", "matching", "records", "tally"]
