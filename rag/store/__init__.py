"""Items and their vectors in Milvus: an embedded file or a server, behind `rag.protocols.Store`.

Importing this package imports pymilvus, which takes about half a second.
"""

from rag.store.milvus import SEEN, MilvusStore
from rag.store.rebuild import Rebuild

__all__ = ["SEEN", "MilvusStore", "Rebuild"]
