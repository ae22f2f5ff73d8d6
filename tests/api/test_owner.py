from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.owner import acquire, server_of
from rag.errors import BadSettings, DataFolderBusy

HOLD = """
import sys, pathlib
from api.owner import acquire
owner = acquire(pathlib.Path(sys.argv[1]))
if len(sys.argv) > 2: owner.publish(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""
ROOT = Path(__file__).parents[2]


@contextmanager
def another_process(data: Path, *url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that owns ``data`` until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data), *url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with acquire(tmp_path / "deep" / "data"):
        assert (tmp_path / "deep" / "data").is_dir()


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        with pytest.raises(DataFolderBusy, match=f"process {process.pid}"):
            acquire(tmp_path)
        assert server_of(tmp_path) is None


def test_a_server_is_named_by_its_url(tmp_path: Path) -> None:
    with another_process(tmp_path, "http://127.0.0.1:1234"):
        assert server_of(tmp_path) == "http://127.0.0.1:1234"
        with pytest.raises(DataFolderBusy, match=r"http://127\.0\.0\.1:1234"):
            acquire(tmp_path)


def test_a_killed_server_leaves_nothing_that_fools(tmp_path: Path) -> None:
    with another_process(tmp_path, "http://127.0.0.1:1234") as process:
        process.kill()
        process.wait()
        assert (tmp_path / "owner.json").is_file()
        assert server_of(tmp_path) is None
        with acquire(tmp_path):
            assert server_of(tmp_path) is None
            assert json.loads((tmp_path / "owner.json").read_text())["pid"] == os.getpid()


def test_the_folder_is_free_after_release(tmp_path: Path) -> None:
    with acquire(tmp_path) as owner:
        owner.publish("http://127.0.0.1:1")
        owner.release()
        with acquire(tmp_path):
            pass
    assert server_of(tmp_path) is None


def test_asking_for_the_server_never_gets_in_the_way(tmp_path: Path) -> None:
    for _ in range(20):
        with acquire(tmp_path):
            assert server_of(tmp_path) is None
    assert server_of(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()


def test_a_broken_note_is_no_server(tmp_path: Path) -> None:
    with another_process(tmp_path, "http://127.0.0.1:1"):
        for text in ("", "[]", '{"pid": "x", "url": 3}'):
            (tmp_path / "owner.json").write_text(text)
            assert server_of(tmp_path) is None
            with pytest.raises(DataFolderBusy, match="another process"):
                acquire(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_bad_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="OLHAR_DATA"):
        acquire(tmp_path / "file" / "data")
