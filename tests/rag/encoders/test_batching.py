"""A batch that does not fit into memory is halved, and the work goes on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from rag.encoders.batching import Batches, out_of_memory
from rag.errors import ModelUnavailable
from rag.types import Matrix


class Small:
    """A device on which ``fits`` inputs fit."""

    def __init__(self, fits: int, error: RuntimeError | None = None) -> None:
        self.fits = fits
        self.error = error or torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.sizes: list[int] = []

    def __call__(self, batch: Sequence[int]) -> Matrix:
        self.sizes.append(len(batch))
        if len(batch) > self.fits:
            raise self.error
        return np.array([[number, 1] for number in batch], np.float32)


def batches(size: int) -> Batches:
    return Batches(size, model="big/model", setting="OLHAR_ENCODER")


def test_batches_are_as_large_as_asked() -> None:
    device = Small(fits=100)
    np.testing.assert_array_equal(batches(4).encode(range(10), device)[:, 0], np.arange(10))
    assert device.sizes == [4, 4, 2]


def test_out_of_memory_halves_the_batch_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    device, some = Small(fits=3), batches(8)
    with caplog.at_level(logging.WARNING):
        matrix = some.encode(range(10), device)
    np.testing.assert_array_equal(matrix[:, 0], np.arange(10))
    assert device.sizes == [8, 4, 2, 2, 2, 2, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "big/model: out of memory with 8 inputs at once; going on with 4" in caplog.text
    some.encode(range(4), device)
    assert device.sizes[7:] == [2, 2], "the smaller size is kept"


def test_one_input_that_does_not_fit_names_the_setting_and_the_remedy() -> None:
    with pytest.raises(ModelUnavailable, match=r"OLHAR_ENCODER=big/model.*OLHAR_ENCODER_DEVICE=cpu"):
        batches(4).encode(range(2), Small(fits=0))


@pytest.mark.parametrize(
    "text",
    [
        "MPS backend out of memory (MPS allocated: 8 GB)",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate 9",
    ],
)
def test_other_devices_say_it_in_words(text: str) -> None:
    assert out_of_memory(RuntimeError(text))
    assert len(batches(4).encode(range(4), Small(fits=1, error=RuntimeError(text)))) == 4


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        batches(4).encode(range(4), Small(fits=1, error=RuntimeError("shapes cannot be multiplied")))
