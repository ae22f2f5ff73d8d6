"""ONNX graphs from fp32 to int8."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from rag.types import Pixels

CALIBRATION_BATCH = 8
QUANTISED = ["Conv", "Clip", "Add"]
"""What a net of convolutions spends its time on. Means, deviations and the classifier after them stay in
fp32: that costs no time, and a small difference of two large numbers does not survive rounding."""


def quantise_products(path: Path) -> None:
    """Replace a graph by one whose matrix products are int8; activations are scaled as they come.

    Convolutions stay as they are: ONNX Runtime's dynamic ones are slower than those in fp32.
    """
    with _quietly(), tempfile.TemporaryDirectory(dir=path.parent) as folder:
        clean, small = Path(folder) / "clean.onnx", Path(folder) / "small.onnx"
        quant_pre_process(str(path), str(clean), skip_symbolic_shape=True)
        quantize_dynamic(
            str(clean),
            str(small),
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        os.replace(small, path)


def quantise_convolutions(source: Path, target: Path, pictures: Iterable[Pixels]) -> None:
    """Write a graph whose weights and activations are int8, with ranges taken from ``pictures``.

    Each is the input of the graph, ``pixels``, without its first axis.
    """
    with _quietly(), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        clean = Path(folder) / "clean.onnx"
        quant_pre_process(str(source), str(clean))
        quantize_static(
            str(clean),
            str(target),
            _Batches(iter(pictures)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # the package is not typed
    def __init__(self, pictures: Iterator[Pixels]) -> None:
        self._pictures = pictures

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = list(islice(self._pictures, CALIBRATION_BATCH))
        return {"pixels": np.stack(batch)} if batch else None


@contextmanager
def _quietly() -> Iterator[None]:
    """The quantiser warns on the root logger, and sets it up if it has no handler."""
    root = logging.getLogger()
    level, handler = root.level, logging.NullHandler()
    root.addHandler(handler)
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
