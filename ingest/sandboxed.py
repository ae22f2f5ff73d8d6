"""The child's side of ``ingest.sandbox``: takes a task, runs it, answers, until nobody asks any more."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import threading
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from rag.errors import OlharError


def serve(descriptor: int, memory: int) -> None:
    """Answer what comes in at the socket ``descriptor``, with at most ``memory`` bytes of one's own.

    A message is a pickled (``module:name``, arguments); without arguments the function is only imported.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not RLIMIT_AS: libraries map much that they never touch. This counts what can be written to.
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    connection = Connection(descriptor)
    while True:
        try:
            function, args = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(_answer(function, args, memory))


def _answer(function: str, args: tuple[object, ...] | None, memory: int) -> bytes:
    try:
        return pickle.dumps(_outcome(function, args, memory), 5)
    except MemoryError:
        return pickle.dumps(("memory", memory), 5)
    except Exception as error:  # a result that cannot be pickled
        return pickle.dumps(("failed", f"{type(error).__name__}: {error}"), 5)


def _outcome(function: str, args: tuple[object, ...] | None, memory: int) -> tuple[str, Any]:
    try:
        found = _found(function)
        return "done", None if args is None else found(*args)
    except OlharError as error:
        return "raised", error.with_traceback(None)
    except MemoryError:
        return "memory", memory
    except Exception as error:  # which no function should raise: the parent says so and lives on
        return "failed", f"{type(error).__name__}: {error}"


@cache
def _found(function: str) -> Any:
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


def _end_with(descriptor: int) -> None:
    """End this process as soon as the other end of the socket is closed, whatever is being done."""
    poll = select.poll()
    poll.register(descriptor, 0)  # hanging up is told without being asked for
    poll.poll()
    os._exit(0)
