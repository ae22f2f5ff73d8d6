"""Milvus Lite's server, whose collections are opened by one request at a time (3.2.2 opens them twice)."""

from __future__ import annotations

import threading
from typing import Any

from milvus_lite.cmdline import main
from milvus_lite.db import MilvusLite

_opening = threading.RLock()
_get = MilvusLite.get_collection


def _one_at_a_time(self: MilvusLite, *arguments: Any, **options: Any) -> Any:
    with _opening:
        return _get(self, *arguments, **options)


MilvusLite.get_collection = _one_at_a_time

if __name__ == "__main__":
    main()
