"""Requests that come at the same time share one forward pass: wrappers with the encoders' own interfaces.

Nobody waits for company: the first request goes at once, and those that come while it runs go together
in the next pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rag.encoders.wrapping import WrappedImageEncoder, WrappedTextEncoder
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Matrix, Pixels

A = TypeVar("A")

MOST = 32
"""Inputs of a shared pass. A request of so many or more goes by itself, and holds nobody up."""
FEW = 8
"""The same where several passes run at a time: larger ones are no faster, and leave cores without one."""


@dataclass(eq=False, slots=True)
class _Request(Generic[A]):
    inputs: Sequence[A]
    done: threading.Event = field(default_factory=threading.Event)
    rows: Matrix | None = None
    error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done.set()


class SharedPasses(Generic[A]):
    """``encode``, with the inputs of all who wait. Safe to use from several threads.

    ``lanes`` passes run at a time, for encoders that keep to one core each.
    """

    def __init__(self, encode: Callable[[Sequence[A]], Matrix], most: int = MOST, *, lanes: int = 1) -> None:
        self._encode = encode
        self._most = most
        self._waiting: list[_Request[A]] = []
        self._queue = threading.Lock()
        self._device = threading.Semaphore(lanes)

    def __call__(self, inputs: Sequence[A]) -> Matrix:
        """The rows of ``inputs``. What ``encode`` raises for them is raised here, and for nobody else."""
        if not inputs or len(inputs) >= self._most:
            return self._encode(inputs)
        request = _Request(inputs)
        with self._queue:
            self._waiting.append(request)
        # Who gets the device works for all who wait; who finds their own rows made leaves it again.
        with self._device:
            while not request.done.is_set() and (some := self._next()):
                self._serve(some)
        request.done.wait()  # it may be in the pass of another lane
        if request.error is not None:
            raise request.error
        assert request.rows is not None
        return request.rows

    def _next(self) -> list[_Request[A]]:
        with self._queue:
            taken, size = 0, 0
            while taken < len(self._waiting) and (not taken or size < self._most):
                size += len(self._waiting[taken].inputs)
                taken += 1
            some, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return some

    def _serve(self, requests: Sequence[_Request[A]]) -> None:
        try:
            rows = self._encode([one for request in requests for one in request.inputs])
        except Exception as error:  # a model may raise anything on one odd input
            self._serve_alone(requests, error)
            return
        except BaseException as error:  # the process is being ended
            for request in requests:
                request.fail(error)
            raise
        start = 0
        for request in requests:
            # A copy: the rows of others are not the caller's to change, nor to keep alive.
            request.rows = rows[start : start + len(request.inputs)].copy()
            start += len(request.inputs)
            request.done.set()

    def _serve_alone(self, requests: Sequence[_Request[A]], error: Exception) -> None:
        """One bad input is no reason for others to fail."""
        if len(requests) == 1:
            requests[0].fail(error)
            return
        for request in requests:
            self._serve([request])


def lanes_of(encoder: ImageEncoder | TextEncoder) -> int:
    """How many passes over texts an encoder does best at a time: one, unless it says more (``lanes``)."""
    return int(getattr(encoder, "lanes", 1))


class SharedImageEncoder(WrappedImageEncoder):
    """An ``ImageEncoder`` whose passes are shared by those who ask at the same time.

    Pictures share passes on a GPU only: on a CPU, eight who asked at a time were served half as fast together
    as in passes of their own (``benchmarks/concurrent_requests.py``).
    """

    def __init__(self, encoder: ImageEncoder, most: int = MOST) -> None:
        super().__init__(encoder)
        self._images: SharedPasses[Any] = SharedPasses(encoder.encode_images, most)
        self._queries: SharedPasses[Any] = SharedPasses(encoder.encode_image_queries, most)
        lanes = lanes_of(encoder)
        self._texts = SharedPasses(encoder.encode_text_queries, FEW if lanes > 1 else most, lanes=lanes)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return self._encoder.encode_images(images) if self.device == "cpu" else self._images(images)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self._encoder.encode_image_queries(images) if self.device == "cpu" else self._queries(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts)


class SharedTextEncoder(WrappedTextEncoder):
    """A ``TextEncoder`` whose passes are shared by those who ask at the same time."""

    def __init__(self, encoder: TextEncoder, most: int = MOST) -> None:
        super().__init__(encoder)
        lanes = lanes_of(encoder)
        self._queries = SharedPasses(encoder.encode_queries, FEW if lanes > 1 else most, lanes=lanes)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._queries(texts)
