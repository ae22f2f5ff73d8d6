"""What is said of a server that cannot be reached."""

from __future__ import annotations

import socket

import pytest
from pymilvus.exceptions import MilvusException

from rag.errors import StoreUnavailable
from rag.store import connection
from rag.store.connection import Connection, translated


def test_the_password_of_a_server_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(StoreUnavailable, match=r"http://root:\*\*\*@127.*OLHAR_MILVUS_URI") as caught:
        Connection(f"http://root:hunter2@127.0.0.1:{port}")
    assert "hunter2" not in str(caught.value)


def test_neither_is_one_that_milvus_repeats() -> None:
    with pytest.raises(StoreUnavailable, match="reading") as caught, translated("reading"):
        raise MilvusException(message="no route to http://root:hunter2@milvus")
    assert "hunter2" not in str(caught.value)
