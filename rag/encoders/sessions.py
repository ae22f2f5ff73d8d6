"""How ONNX Runtime's sessions are opened: one place for the towers of every encoder."""

from __future__ import annotations

from pathlib import Path

from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions


def open_session(path: Path) -> InferenceSession:
    """A session on the processor. What ONNX Runtime raises has no public base class.

    Its threads sleep when there is nothing to do. By default they turn round and round for a while after each
    run, waiting for the next: a text then takes four times the processor's time, and what else a server does
    waits for it (``benchmarks/encode_speed.py`` loses nothing by this).
    """
    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
