"""Downloads from the web that reach public addresses only, within bounds of bytes and time."""

from rag.fetch.addresses import Allowed
from rag.fetch.downloads import Fetched, Fetcher

__all__ = ["Allowed", "Fetched", "Fetcher"]
