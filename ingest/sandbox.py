"""Runs functions on strangers' files in child processes, which can be killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Pipe
from queue import LifoQueue
from types import TracebackType
from typing import Any, Self

from rag.errors import Crashed, OverLimit

MEMORY = 2 * 2**30
START_SECONDS = 120.0
"""For a child to start and import what it runs; apart from the deadline, and long for a busy machine."""
DYING_SECONDS = 1.0

_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from ingest.sandboxed import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)


class Sandbox:
    """Up to ``processes`` children, each started at first need and used again; threads may share one.

    A child may use ``memory`` bytes of its own. It is started anew and never forked, gets no input from the
    terminal and no Ctrl-C, and ends with this process, however that ends.
    """

    def __init__(self, processes: int = 2, memory: int = MEMORY) -> None:
        self._memory = memory
        self._children: LifoQueue[_Child | None] = LifoQueue()
        self._processes = processes
        self._closed = False
        for _ in range(processes):
            self._children.put(None)

    def call(self, function: str, *args: object, deadline: float) -> Any:
        """What ``module:name`` gives for ``args``; both can be pickled. Waits for a free child.

        Errors of Olhar pass through. Raises OverLimit after ``deadline`` seconds of running, or when the
        memory is used up, and Crashed when the child died or the function raised what it never should.
        """
        child = self._children.get()
        kept: _Child | None = None
        try:
            if child is None or not child.alive:
                if child is not None:
                    child.kill()
                child = _Child(self._memory)
            outcome = child.run(function, args, deadline)
            kept, child = child, None
        finally:
            # Whatever went wrong, an answer may still be under way: such a child is not used again.
            if child is not None:
                child.kill()
            if kept is not None and self._closed:
                kept.kill()
                kept = None
            self._children.put(kept)
        return _opened(outcome)

    def close(self) -> None:
        """End the children that are idle; those at work end after their task."""
        self._closed = True
        idle = []
        while not self._children.empty():
            idle.append(self._children.get())
        for child in idle:
            if child is not None:
                child.kill()
            self._children.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Child:
    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._loaded: set[str] = set()
        self._connection, theirs = Pipe()
        # Not multiprocessing's own processes: they import the caller's main module again.
        command = [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(theirs.fileno()), str(memory)]
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        finally:
            theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, function: str, args: tuple[object, ...], deadline: float) -> tuple[str, Any]:
        if function not in self._loaded:
            outcome = self._exchange((function, None), START_SECONDS, f"{function} could not be loaded")
            if outcome[0] != "done":
                return outcome
            self._loaded.add(function)
        return self._exchange((function, args), deadline, "it took too long")

    def _exchange(self, message: object, seconds: float, late: str) -> tuple[str, Any]:
        until = time.monotonic() + seconds
        try:
            self._connection.send_bytes(pickle.dumps(message, 5))
            if self._connection.poll(max(0.0, until - time.monotonic())):
                outcome: tuple[str, Any] = pickle.loads(self._connection.recv_bytes())
                return outcome
        except (EOFError, OSError):
            raise self._death() from None
        raise OverLimit(f"{late}: the limit is {seconds:g} seconds")

    def _death(self) -> Crashed:
        """How it died; its connection breaks a moment before it has."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DYING_SECONDS)
        self.kill()
        code = self._process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Crashed(f"the process that read it died ({how})")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


def _opened(outcome: tuple[str, Any]) -> Any:
    how, what = outcome
    if how == "done":
        return what
    if how == "raised":
        raise what
    if how == "memory":
        raise _out_of_memory(what)
    raise Crashed(f"the function that read it failed: {what}")


def _out_of_memory(memory: int) -> OverLimit:
    return OverLimit(f"it needs too much memory: the limit is {_mebibytes(memory)} (OLHAR_PARSE_MEMORY)")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
