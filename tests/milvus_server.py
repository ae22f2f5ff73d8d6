"""A Milvus Lite server in a process of its own, on the loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import StoreUnavailable
from rag.store import MilvusStore
from rag.types import Fingerprint

PATIENCE_S = 100


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve ``folder`` until the block ends; gives the URI."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "milvus_lite", "server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--data-dir", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def patiently(uri: str, image: Fingerprint, text: Fingerprint) -> MilvusStore:
    """The store, as soon as the server is there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return MilvusStore.open(uri, token="user:password", image=image, text=text)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
