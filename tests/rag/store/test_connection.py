"""What is said of a server that cannot be reached."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc  # type: ignore[import-untyped]  # the package ships no type information
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


def refused_by_grpc(status: grpc.StatusCode, words: str) -> grpc.RpcError:
    """The error of a real call that a server ends so, or leaves without an answer where the time is over."""

    def end(_: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(status, words)
        return b""

    methods = {"Ask": grpc.unary_unary_rpc_method_handler(end)}
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/s/Ask")(b"", timeout=10)
    finally:
        server.stop(None).wait()
    return caught.value


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            r"^reading: no answer in time \(at most 120 s\): narrow the filter",
        ),
        (grpc.StatusCode.INTERNAL, r"^reading: the disk is full \(internal\)$"),
    ],
)
def test_what_grpc_says_is_put_into_plain_words(status: grpc.StatusCode, says: str) -> None:
    error = refused_by_grpc(status, "the disk is full")
    wrapped = MilvusException(message=f"[query] Retry timeout: 120s, {status}, the disk is full, debug=x")
    for one in (error, MilvusException(message=str(error)), wrapped):
        with pytest.raises(StoreUnavailable, match=says) as caught, translated("reading"):
            raise one
        assert "_InactiveRpcError" not in str(caught.value)
        assert "StatusCode" not in str(caught.value)
