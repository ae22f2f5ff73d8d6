"""What opening and closing promise: files reopen, survive kills, have one owner and one encoder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from milvus_lite.server_manager import server_manager_instance
from pymilvus import MilvusClient

from rag.errors import Conflict, FingerprintMismatch, InvalidInput, StoreUnavailable
from rag.store import MilvusStore
from rag.store.connection import Connection
from rag.store.rows import PADDING
from rag.types import Fingerprint, Row, Scope
from tests.milvus_server import patiently, serving

from .conftest import IMAGE, TEXT

MakeRow = Callable[..., Row]
Open = Callable[..., MilvusStore]

PREAMBLE = """
import sys
import numpy as np
from rag.store import MilvusStore
from rag.types import Fingerprint, Item, Row

store = MilvusStore.open(
    sys.argv[1], image=Fingerprint("pictures", "w1", "p1", 16), text=Fingerprint("words", "w2", "p2", 8)
)
"""
WRITE_FOR_EVER = """
for n in range(10**6):
    vector = np.random.default_rng(n).normal(size=16).astype(np.float32)
    items = [Item(f"{n:06}-{m}", "t", "c", "h", ("s",), caption=f"cat {n}") for m in range(4)]
    store.upsert([Row(item, vector) for item in items])
    print(n, flush=True)
"""


def python(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, str(path)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_server_that_was_started_again_is_read_and_written(
    tmp_path: Path, scope: Scope, make_row: MakeRow
) -> None:
    with serving(tmp_path) as uri:
        store = patiently(uri, IMAGE, TEXT)
        row = make_row("kept")
        store.upsert([row])
        server = MilvusClient(uri)
        server.release_collection("images")  # as it finds its collections when it starts
        assert [item.id for item in store.get(scope, "image", ["kept"])] == ["kept"]
        server.release_collection("images")
        assert row.image_vector is not None
        assert store.search(scope, "image", "image", row.image_vector, limit=1)[0][0] == "kept"
        server.release_collection("images")
        store.upsert([make_row("later")])
        assert store.count(scope, "image") == 2
        server.close()
        store.close()


def test_rows_are_there_after_reopening(open_file: Open, make_row: MakeRow, scope: Scope) -> None:
    rows = [
        make_row(f"r{n}", caption="a bridge", image=None if n else np.ones(16, np.float32)) for n in range(5)
    ]
    store = open_file()
    store.upsert(rows)
    store.delete(scope, "image", ["r4"])
    store.close()
    again = open_file()
    assert again.scan(scope, "image") == [row.item for row in rows[:4]]
    assert [i for i, _ in again.search(scope, "image", "image", np.ones(16, np.float32), limit=9)] == ["r0"]
    assert len(again.search(scope, "image", "bm25", "bridge", limit=9)) == 4


def test_acknowledged_rows_survive_a_kill(tmp_path: Path, open_file: Open) -> None:
    child = python(WRITE_FOR_EVER, tmp_path / "m.db")
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(12)][-1]
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    store, scope = open_file(), Scope("t", "c")
    ids = [f"{n:06}-{m}" for n in range(acknowledged + 1) for m in range(4)]
    assert [item.id for item in store.get(scope, "image", ids)] == ids
    stored = store.scan(scope, "image", limit=10_000)
    assert len(stored) == len({item.id for item in stored}) == store.count(scope, "image")
    assert len(store.search(scope, "image", "image", np.ones(16, np.float32), limit=10_000)) == len(stored)


def test_another_process_is_told_who_has_the_file(tmp_path: Path, open_file: Open) -> None:
    store = open_file()
    _, errors = python("", tmp_path / "m.db").communicate(timeout=60)
    assert "StoreUnavailable" in errors
    assert "open in another process" in errors
    store.close()
    child = python("store.close(); print('opened')", tmp_path / "m.db")
    assert child.communicate(timeout=60) == ("opened\n", "")


def test_a_store_that_was_not_closed_lets_its_process_end(tmp_path: Path) -> None:
    child = python("print('done')", tmp_path / "m.db")
    assert child.communicate(timeout=60)[0] == "done\n"
    assert child.returncode == 0


def test_closing_one_of_two_stores_leaves_the_other(open_file: Open, make_row: MakeRow, scope: Scope) -> None:
    one, two = open_file(), open_file()
    one.upsert([make_row("r1")])
    one.close()
    one.close()
    assert two.count(scope, "image") == 1
    with pytest.raises(StoreUnavailable, match="closed"):
        one.count(scope, "image")


@pytest.mark.parametrize(
    "changes",
    [
        {"image": Fingerprint("other", "w1", "p1", 16)},
        {"image": Fingerprint("pictures", "w1", "p1", 32)},
        {"text": Fingerprint("words", "w3", "p2", 8)},
    ],
)
def test_another_encoder_is_refused_with_the_remedy(
    open_file: Open, changes: dict[str, Fingerprint], make_row: MakeRow
) -> None:
    open_file().close()
    with pytest.raises(FingerprintMismatch) as caught:
        open_file(**changes)
    message = str(caught.value)
    (given,) = changes.values()
    assert given.name in message
    assert ("pictures" if "image" in changes else "words") in message
    assert "OLHAR_ENCODER" in message
    assert "`olhar reindex`" in message
    # Refusing let go of the file, and left it as it was.
    open_file().upsert([make_row("r1")])


def test_a_collection_of_somebody_else_is_not_touched(tmp_path: Path, open_file: Open) -> None:
    open_file().close()
    path = str(tmp_path / "m.db")
    client = MilvusClient(path)
    client.drop_alias("images")
    client.create_collection("theirs", dimension=4)
    client.create_alias("theirs", "images")
    client.close()
    server_manager_instance.release_server(path)
    with pytest.raises(Conflict, match="theirs was not made by Olhar"):
        open_file()


def test_an_opening_cut_short_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, open_file: Open, make_row: MakeRow, scope: Scope
) -> None:
    for step in ("create_alias", "create_index", "load_collection"):
        with monkeypatch.context() as patched:
            patched.setattr(MilvusClient, step, _cut)
            with pytest.raises(KeyboardInterrupt):
                open_file()
    store = open_file()
    store.upsert([make_row("r1")])
    assert store.search(scope, "image", "image", np.ones(16, np.float32), limit=1)


def _cut(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_past_the_limit_a_file_gets_approximate_indexes_and_keeps_its_answers(
    open_file: Open, make_row: MakeRow, scope: Scope, tmp_path: Path
) -> None:
    query = np.ones(16, np.float32)
    store = open_file(flat_limit=50)
    store.upsert([make_row(f"r{n:03}", caption="cat") for n in range(80)])
    before = store.search(scope, "image", "image", query, limit=30)
    store.close()
    store = open_file(flat_limit=50)
    assert index_types(tmp_path) == {"images": "HNSW", "passages": "FLAT"}
    after = store.search(scope, "image", "image", query, limit=30)
    assert [i for i, _ in after] == [i for i, _ in before]
    assert len(store.search(scope, "image", "bm25", "cat", limit=99)) == 80
    store.close()
    open_file(flat_limit=10_000)
    assert index_types(tmp_path)["images"] == "HNSW"


def index_types(tmp_path: Path) -> dict[str, str]:
    connection = Connection(str(tmp_path / "m.db"))
    describe = connection.client.describe_index
    types = {alias: describe(alias, "image_vector")["index_type"] for alias in ("images", "passages")}
    connection.close()
    return types


def test_a_server_that_is_not_there_is_said_within_seconds() -> None:
    fingerprint = Fingerprint("a", "b", "c", 4)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="OLHAR_MILVUS_URI"):
        MilvusStore.open("http://127.0.0.1:1", image=fingerprint, text=fingerprint)
    assert time.monotonic() - started < 15


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    fingerprint = Fingerprint("a", "b", "c", 4)
    for path in (tmp_path / "file" / "m.db", tmp_path / "file.db"):
        (tmp_path / "file.db").write_text("x")
        with pytest.raises(StoreUnavailable) as caught:
            MilvusStore.open(str(path), image=fingerprint, text=fingerprint)
        assert str(path.parent if path.name == "m.db" else path) in str(caught.value)


@pytest.mark.parametrize("pattern", ["*.sidx", "*.idx"])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_an_index_file_cut_short_by_a_kill_is_made_again(
    open_file: Open, tmp_path: Path, make_row: MakeRow, scope: Scope, pattern: str, kept: float
) -> None:
    store = open_file()
    rows = [make_row(f"r{n}", caption=f"word{n}") for n in range(9)]
    store.upsert(rows)
    store.close()
    found = sorted((tmp_path / "m.db").rglob(pattern))
    assert found
    for path in found:
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    again = open_file()
    query = rows[4].image_vector
    assert query is not None
    assert again.search(scope, "image", "image", query, limit=1)[0][0] == "r4"
    assert again.search(scope, "image", "bm25", "word5", limit=1)[0][0] == "r5"
    assert again.count(scope, "image") == 9
    again.upsert([make_row("r9")])
    again.close()
    assert open_file().count(scope, "image") == 10


def test_the_physical_collections_stand_behind_their_aliases(open_file: Open, tmp_path: Path) -> None:
    open_file()
    connection = Connection(str(tmp_path / "m.db"))
    assert sorted(connection.client.list_collections()) == ["images_1", "passages_1"]
    # Reindexing will move the alias: everything follows it.
    assert connection.client.describe_alias("images")["collection_name"] == "images_1"
    connection.close()


def test_equal_scopes_of_different_spelling_do_not_share_rows(open_file: Open, make_row: MakeRow) -> None:
    store = open_file()
    store.upsert([make_row("r1", tenant="a", collection="b:c"), make_row("r2", tenant="a:b", collection="c")])
    assert [i.id for i in store.scan(Scope("a", "b:c"), "image")] == ["r1"]
    assert [i.id for i in store.scan(Scope("a:b", "c"), "image")] == ["r2"]


def test_replacing_keeps_other_rows_vectors(open_file: Open, make_row: MakeRow, scope: Scope) -> None:
    """Rows without any vector travel with a padding row on Milvus Lite; nobody can see it."""
    store = open_file()
    row = make_row("r1")
    store.upsert([row])
    store.upsert([replace(make_row("r2"), image_vector=None, caption_vector=None)])
    assert [i.id for i in store.scan(Scope(scope.tenant), "image")] == ["r1", "r2"]
    assert store.count(scope, "image") == 2
    assert [c.images for c in store.collections(scope.tenant)] == [2]
    (kept,) = store.rows(scope, "image", ["r1", PADDING])
    assert kept.image_vector is not None
    assert len(store.search(scope, "image", "image", np.ones(16, np.float32), limit=9)) == 1
    with pytest.raises(InvalidInput, match="reserved"):
        store.upsert([make_row(PADDING)])
