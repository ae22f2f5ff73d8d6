"""Requests that come at the same time share one forward pass: wrappers with the encoders' own interfaces.

Nobody waits for company: the first request goes at once, and those that come while it runs go together
in the next pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rag.encoders.wrapping import WrappedImageEncoder, WrappedTextEncoder
from rag.once import once
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Matrix, Pixels

A = TypeVar("A")

MOST = 32
"""Inputs of a shared pass. A request of so many or more goes by itself, and holds nobody up."""
PICTURES = 8
"""The same for pictures on a processor: more are hardly faster there, and who comes next waits for all."""


@dataclass(eq=False, slots=True)
class _Request(Generic[A]):
    inputs: Sequence[A]
    woken: threading.Event = field(default_factory=threading.Event)
    """It has ended, or there is a pass for its thread to make."""
    shared_by: Sequence[_Request[A]] = ()
    """The pass to make: itself, and those who waited behind it."""
    ended: bool = False
    rows: Matrix | None = None
    error: BaseException | None = None

    def end(self, *, rows: Matrix | None = None, error: BaseException | None = None) -> None:
        self.rows, self.error, self.ended = rows, error, True
        self.woken.set()


class SharedPasses(Generic[A]):
    """``encode``, with the inputs of all who wait. Safe to use from several threads.

    ``lanes`` passes run at a time, for encoders that keep to one core each.
    """

    def __init__(self, encode: Callable[[Sequence[A]], Matrix], most: int = MOST, *, lanes: int = 1) -> None:
        self._encode = encode
        self._most = most
        self._waiting: list[_Request[A]] = []
        self._queue = threading.Lock()
        self._free = lanes

    def __call__(self, inputs: Sequence[A]) -> Matrix:
        """The rows of ``inputs``. What ``encode`` raises for them is raised here, and for nobody else."""
        if not inputs or len(inputs) >= self._most:
            return self._encode(inputs)
        request = _Request(inputs)
        try:
            with self._queue:
                self._waiting.append(request)
                if self._free:
                    self._free -= 1
                    self._call()
            request.woken.wait()
        except BaseException:  # a signal, in the main thread
            self._leave(request)
            raise
        # A thread makes one pass and hands the lane on. Those whose rows are made leave without it: did they
        # wait for a lane first, they could not ask again meanwhile, and the next passes were nearly empty.
        if request.shared_by:
            self._make(request)
        if request.error is not None:
            raise request.error
        assert request.rows is not None
        return request.rows

    def _make(self, request: _Request[A]) -> None:
        try:
            self._serve(request.shared_by)
        except BaseException as error:  # the process is being ended, or has no memory left
            for one in request.shared_by:
                if not one.ended:
                    one.end(error=error)
            raise
        finally:
            request.shared_by = ()  # it is a part of it: all inputs would stay for the garbage collector
            with self._queue:
                self._call()

    def _leave(self, request: _Request[A]) -> None:
        """It waits no more; if it had a pass to make, those behind it go on."""
        with self._queue:
            if request in self._waiting:
                self._waiting.remove(request)
            elif request.shared_by:
                self._waiting[:0] = request.shared_by[1:]
                request.shared_by = ()
                self._call()

    def _call(self) -> None:
        """Give a lane to the first who waits, with those behind it. For whoever holds the queue."""
        taken, size = 0, 0
        for one in self._waiting:
            if taken and size + len(one.inputs) > self._most:
                break
            taken, size = taken + 1, size + len(one.inputs)
        some, self._waiting = self._waiting[:taken], self._waiting[taken:]
        if some:
            some[0].shared_by = some
            some[0].woken.set()
        else:
            self._free += 1

    def _serve(self, requests: Sequence[_Request[A]]) -> None:
        try:
            rows = self._encode([one for request in requests for one in request.inputs])
        except Exception as error:  # a model may raise anything on one odd input
            self._serve_alone(requests, error)
            return
        start = 0
        for request in requests:
            # A copy: the rows of others are not the caller's to change, nor to keep alive.
            request.end(rows=rows[start : start + len(request.inputs)].copy())
            start += len(request.inputs)

    def _serve_alone(self, requests: Sequence[_Request[A]], error: Exception) -> None:
        """One bad input is no reason for others to fail."""
        if len(requests) == 1:
            requests[0].end(error=error)
            return
        for request in requests:
            self._serve([request])


def lanes_of(encoder: ImageEncoder | TextEncoder) -> int:
    """How many passes an encoder does best at a time: one, unless it says more (``lanes``)."""
    return int(getattr(encoder, "lanes", 1))


class SharedImageEncoder(WrappedImageEncoder):
    """An ``ImageEncoder`` whose passes are shared by those who ask at the same time."""

    def __init__(self, encoder: ImageEncoder, most: int = MOST) -> None:
        super().__init__(encoder)
        self._most = most
        self._texts = SharedPasses(encoder.encode_text_queries, most, lanes=lanes_of(encoder))

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return self._images(images)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self._queries(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return self._texts(texts)

    @once
    def _images(self) -> SharedPasses[Pixels]:
        return self._of_pictures(self._encoder.encode_images)

    @once
    def _queries(self) -> SharedPasses[Pixels]:
        return self._of_pictures(self._encoder.encode_image_queries)

    def _of_pictures(self, encode: Callable[[Sequence[Pixels]], Matrix]) -> SharedPasses[Pixels]:
        """Where they are encoded is known once the model is loaded."""
        most = min(PICTURES, self._most) if self.device == "cpu" else self._most
        return SharedPasses(encode, most, lanes=lanes_of(self._encoder))


class SharedTextEncoder(WrappedTextEncoder):
    """A ``TextEncoder`` whose passes are shared by those who ask at the same time."""

    def __init__(self, encoder: TextEncoder, most: int = MOST) -> None:
        super().__init__(encoder)
        self._queries = SharedPasses(encoder.encode_queries, most, lanes=lanes_of(encoder))

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._queries(texts)
