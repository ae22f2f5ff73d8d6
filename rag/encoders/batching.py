"""Encoding in batches that shrink when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from rag.errors import ModelUnavailable
from rag.types import Matrix

logger = logging.getLogger(__name__)


class Batches:
    """Cuts inputs into batches of at most ``size``; halves the size for good when one does not fit."""

    def __init__(self, size: int, *, model: str, setting: str) -> None:
        self.size = size
        self._model = model
        self._setting = setting

    def encode(self, inputs: Sequence[Any], encode: Callable[[Sequence[Any]], Matrix]) -> Matrix:
        """The rows of all batches, in order; ``inputs`` has at least one.

        Says each halving in the log. Raises ModelUnavailable when not even one input fits.
        """
        done: list[Matrix] = []
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.size]
            try:
                done.append(encode(batch))
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                self._halve(len(batch), error)
                continue
            start += len(batch)
        return np.concatenate(done)

    def _halve(self, tried: int, error: RuntimeError) -> None:
        free_memory()
        if tried == 1:
            raise ModelUnavailable(
                f"{self._setting}={self._model} has too little memory for one input; choose a smaller model, "
                f"or set OLHAR_ENCODER_DEVICE=cpu"
            ) from error
        self.size = tried // 2
        logger.warning(
            "%s: out of memory with %d inputs at once; going on with %d (OLHAR_ENCODER_BATCH=%d avoids this)",
            self._model,
            tried,
            self.size,
            self.size,
        )


class InOneThread(Batches):
    """The same, computed in one thread whoever asks, for encoders of torch.

    Torch starts threads of its own for every thread that asks it to compute, and those of the last one wait
    turning round: with many who ask in turn, passes take half as long again.
    """

    def __init__(self, size: int, *, model: str, setting: str) -> None:
        super().__init__(size, model=model, setting=setting)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="torch")

    def encode(self, inputs: Sequence[Any], encode: Callable[[Sequence[Any]], Matrix]) -> Matrix:
        return self._thread.submit(super().encode, inputs, encode).result()


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that memory ran out: CUDA by a class of its own, others by their text alone."""
    import torch

    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "not enough memory" in text


def free_memory() -> None:
    """Give back what torch holds of CUDA's memory without need."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
