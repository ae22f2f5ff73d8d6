"""Milvus Lite without a server: no port, errors that tell their reason, a file that is closed in order."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import milvus_lite.db
import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
from milvus_lite.exceptions import MilvusLiteError
from pymilvus import MilvusClient

from rag.errors import StoreUnavailable
from rag.store import MilvusStore, connection
from rag.store.embedded import EmbeddedChannel, Failed
from rag.store.embedded import channel as embedded
from rag.store.embedded.searching import Servicer
from rag.types import Scope
from tests.rag.store.conftest import IMAGE, TEXT, MakeRow

Open = Callable[..., MilvusStore]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[EmbeddedChannel]:
    channel = EmbeddedChannel(str(tmp_path / "m.db"))
    yield channel
    channel.end()


def test_nobody_else_on_the_machine_can_ask(open_file: Open, make_row: MakeRow, scope: Scope) -> None:
    before = listening()
    store = open_file()
    store.upsert([make_row("r1")])
    assert store.search(scope, "image", "image", np.ones(16, np.float32), limit=1)
    assert listening() == before


def listening() -> set[object]:
    return {c.laddr for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN}


def test_no_path_is_taken_for_an_address(tmp_path: Path) -> None:
    folder = tmp_path / "global-cluster" / "a b%20ç?#"
    MilvusStore.open(str(folder / "m.db"), image=IMAGE, text=TEXT).close()


def test_nothing_is_kept_of_a_file_that_is_closed(tmp_path: Path) -> None:
    store = MilvusStore.open(str(tmp_path / "m.db"), image=IMAGE, text=TEXT)
    there = weakref.ref(connection._channels[str(tmp_path / "m.db")])
    store.close()
    del store
    gc.collect()
    assert there() is None


def test_a_signal_does_not_end_a_call_halfway(
    channel: EmbeddedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def write(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        done.append(True)

    monkeypatch.setattr(channel._servicer, "GetVersion", write)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts aside ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            channel.unary_unary("/milvus.proto.milvus.MilvusService/GetVersion")(None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [True]


def test_a_method_that_is_not_there_is_told_as_by_a_server(channel: EmbeddedChannel) -> None:
    with pytest.raises(Failed) as failed:
        channel.unary_unary("/milvus.proto.milvus.MilvusService/GetImportState")(None)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert failed.value.details() == "Method not implemented!"


def test_what_breaks_inside_is_told_at_once(
    open_file: Open, make_row: MakeRow, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    store = open_file()
    for method, ask in (
        ("Search", lambda: store.search(scope, "image", "image", np.ones(16, np.float32), limit=1)),
        ("Upsert", lambda: store.upsert([make_row("r1")])),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(Servicer, method, fail)
            with pytest.raises(StoreUnavailable, match="by nothing"):
                ask()
    store.upsert([make_row("r1")])
    assert store.search(scope, "image", "image", np.ones(16, np.float32), limit=1)


def test_a_collection_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "m.db")
    MilvusStore.open(path, image=IMAGE, text=TEXT).close()
    channel = EmbeddedChannel(path)
    load = milvus_lite.db.load_schema

    def slowly(*args: object) -> object:
        time.sleep(0.1)
        return load(*args)

    monkeypatch.setattr(milvus_lite.db, "load_schema", slowly)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: channel._lite.get_collection("images"), range(4)))
    channel.end()
    assert len(set(map(id, opened))) == 1


def test_what_is_being_asked_ends_before_the_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = EmbeddedChannel(str(tmp_path / "m.db"))
    asked, go = threading.Event(), threading.Event()

    def slow(*_: object) -> bool:
        asked.set()
        assert go.wait(10)
        return channel._lite._closed is False

    monkeypatch.setattr(channel._servicer, "GetVersion", slow)
    call = channel.unary_unary("/milvus.proto.milvus.MilvusService/GetVersion")
    monkeypatch.setattr(embedded, "END_SECONDS", 10.0)
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(call, None)
        assert asked.wait(10)
        ending = pool.submit(channel.end)
        with pytest.raises(TimeoutError):
            ending.result(0.1)
        go.set()
        assert answer.result(10) is True
        ending.result(10)
    with pytest.raises(MilvusLiteError, match="closed"):
        call(None)
    MilvusClient(str(tmp_path / "m.db")).close()  # it can be opened again
