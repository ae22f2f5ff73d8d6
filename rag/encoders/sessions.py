"""How ONNX Runtime's sessions are opened: one place for the towers of every encoder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

A = TypeVar("A")
B = TypeVar("B")


def open_session(path: Path, threads: int = 0) -> InferenceSession:
    """A session on the processor. What ONNX Runtime raises has no public base class.

    ``threads`` share each run, by default one for every core; with 1, ``side_by_side`` shares out the runs.

    Its threads sleep when there is nothing to do. By default they turn round and round for a while after each
    run, waiting for the next: a text then takes four times the processor's time, and what else a server does
    waits for it (``benchmarks/encode_speed.py`` loses nothing by this).
    """
    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def side_by_side(run: Callable[[A], B], parts: Sequence[A]) -> list[B]:
    """What ``run`` gives for each part, as many at a time as there are cores.

    For sessions of one thread. Threads that share one run wait for the slowest at every layer: where one core
    has other work, as a server's have, the other waits with it.
    """
    return [run(parts[0])] if len(parts) == 1 else list(_pool().map(run, parts))


def cores() -> int:
    """How many parts are run at a time."""
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="encode")
