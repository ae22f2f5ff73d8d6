"""Whatever a child does, the parent gets an answer in time, and the next task a whole child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.sandbox import Sandbox
from rag.errors import BadDocument, Crashed, OverLimit

TASKS = "tests.ingest.sandbox_tasks"
GENEROUS = 100.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(processes=1, memory=512 * 2**20) as opened:
        yield opened


def test_a_child_is_used_again(sandbox: Sandbox) -> None:
    assert sandbox.call(f"{TASKS}:size", b"x" * 10**6, deadline=GENEROUS) == 10**6
    first = sandbox.call(f"{TASKS}:pid", deadline=GENEROUS)
    assert first == sandbox.call(f"{TASKS}:pid", deadline=GENEROUS) != os.getpid()
    assert sandbox.call(f"{TASKS}:interrupts_are_ignored", deadline=GENEROUS)


def test_our_errors_pass_through_and_the_child_lives(sandbox: Sandbox) -> None:
    before = sandbox.call(f"{TASKS}:pid", deadline=GENEROUS)
    with pytest.raises(BadDocument, match="no good"):
        sandbox.call(f"{TASKS}:refuse", "no good", deadline=GENEROUS)
    with pytest.raises(Crashed, match="ZeroDivisionError: by nought"):
        sandbox.call(f"{TASKS}:stumble", deadline=GENEROUS)
    with pytest.raises(Crashed, match="pickle"):
        sandbox.call(f"{TASKS}:unsendable", deadline=GENEROUS)
    with pytest.raises(Crashed, match="no_such"):
        sandbox.call(f"{TASKS}:no_such", deadline=GENEROUS)
    assert sandbox.call(f"{TASKS}:pid", deadline=GENEROUS) == before


def test_a_child_that_hangs_is_killed_at_the_deadline(sandbox: Sandbox) -> None:
    before = sandbox.call(f"{TASKS}:pid", deadline=GENEROUS)
    with pytest.raises(OverLimit, match=r"0\.2 seconds"):
        sandbox.call(f"{TASKS}:hang", deadline=0.2)
    assert sandbox.call(f"{TASKS}:pid", deadline=GENEROUS) != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.parametrize(("task", "args", "said"), [("die", (), "SIGSEGV"), ("leave", (7,), "exit code 7")])
def test_a_child_that_dies_is_replaced(
    sandbox: Sandbox, task: str, args: tuple[object, ...], said: str
) -> None:
    with pytest.raises(Crashed, match=said) as caught:
        sandbox.call(f"{TASKS}:{task}", *args, deadline=GENEROUS)
    assert caught.value.retryable
    assert sandbox.call(f"{TASKS}:size", b"abc", deadline=GENEROUS) == 3


def test_memory_is_bounded(sandbox: Sandbox) -> None:
    assert sandbox.call(f"{TASKS}:grow", 100, deadline=GENEROUS) == 100 * 2**20
    with pytest.raises(OverLimit, match="512 MiB"):
        sandbox.call(f"{TASKS}:grow", 600, deadline=GENEROUS)
    assert sandbox.call(f"{TASKS}:size", b"abc", deadline=GENEROUS) == 3


def test_threads_share_the_children() -> None:
    with Sandbox(processes=2) as sandbox, ThreadPoolExecutor(6) as threads:
        pids = set(threads.map(lambda _: sandbox.call(f"{TASKS}:pid", deadline=GENEROUS), range(40)))
        assert 1 <= len(pids) <= 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Even when the parent is killed while the child is busy."""
    note = tmp_path / "child"
    code = f"from ingest.sandbox import Sandbox; Sandbox().call('{TASKS}:hang', {str(note)!r}, deadline=999)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    until = time.monotonic() + GENEROUS
    while not (note.exists() and note.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    child = int(note.read_text())
    parent.kill()
    parent.wait()
    while Path(f"/proc/{child}/status").exists() and time.monotonic() < until:
        if "Z (zombie)" in Path(f"/proc/{child}/status").read_text():
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{child}").exists()
