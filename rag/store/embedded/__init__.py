"""Milvus Lite in this process: called without its server, and asked past it where it takes long."""

from rag.store.embedded.channel import EmbeddedChannel, Failed

__all__ = ["EmbeddedChannel", "Failed"]
