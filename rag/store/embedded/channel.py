"""Milvus Lite in this process, called directly: without a port, by the threads that ask."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

import grpc  # type: ignore[import-untyped]  # the package ships no type information
from milvus_lite.db import MilvusLite
from milvus_lite.exceptions import MilvusLiteError

from rag.store.embedded.searching import Servicer
from rag.store.embedded.state import State, States

logger = logging.getLogger(__name__)

T = TypeVar("T")
Metadata = Sequence[tuple[str, str | bytes]]
_numbers = itertools.count()
END_SECONDS: Final = 2.0
"""What is being asked when the file is closed has so long."""


class EmbeddedChannel(grpc.Channel):  # type: ignore[misc]
    """What pymilvus takes for a connection; each call is made at once, in the thread that makes it.

    Milvus Lite has a server of gRPC for this. Its port is open to everybody on the machine, and a call goes
    to the server's threads and back: where other threads compute, each change waits for its turn. Deadlines
    of calls are not kept: nothing is far away that might not answer.

    Raises what MilvusLite raises: DataDirLockedError when another process has the folder open.
    """

    def __init__(self, path: str) -> None:
        self.name = f"unix:olhar-{next(_numbers)}"
        """The address by which pymilvus keeps connections apart."""
        self._lite = _OpenedOnce(path)
        self._states = States()
        self._servicer = Servicer(self._lite, self._states)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="milvus")
        self._aside.submit(int).result()  # it is running before any signal can come in between
        self.writing = threading.Lock()
        """Of all stores that write to the file."""
        self._asked = 0
        self._ended = False
        self._changed = threading.Condition()

    def unary_unary(self, method: str, *_: object, **__: object) -> _Method:
        answer = getattr(self._servicer, method.rpartition("/")[2])
        return _Method(answer, self._asking, self._uninterrupted)

    def unary_stream(self, *_: object, **__: object) -> None:
        """Milvus Lite has no methods that take or give a stream."""

    stream_unary = stream_stream = unary_stream

    def read(self, name: str, how: Callable[[Any, State], T]) -> T | None:
        """What ``how`` gives of a collection and its state; None where Milvus Lite is to be asked.

        It is, while something is not flushed yet, where it refuses (it says why, and in which form), and
        where something breaks here, which is logged. Raises MilvusLiteError when the file is closed.
        """

        def read() -> T | None:
            collection = self._lite.get_collection(name)
            state = self._states.of(collection)
            return None if state is None else how(collection, state)

        with self._asking():
            try:
                return self._uninterrupted(read)
            except MilvusLiteError:
                return None
            except Exception:
                logger.exception("Milvus Lite is asked for what could not be read past it")
                return None

    def subscribe(self, callback: Callable[..., object], try_to_connect: bool = False) -> None:
        """It is connected from the first to the last, so that there is nothing to tell."""

    def unsubscribe(self, callback: Callable[..., object]) -> None:
        """As ``subscribe``."""

    def close(self) -> None:
        """One client goes; ``end`` closes the file."""

    def end(self) -> None:
        """Let what is being asked come to its end, refuse what comes later, and close the file."""
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: not self._asked, END_SECONDS)
        self._lite.close()
        self._aside.shutdown()

    def _uninterrupted(self, call: Callable[[], T]) -> T:
        """What ``call`` gives. A signal does not end it halfway: the file would lose what was being written.

        Signals come to the main thread alone, which waits for another one.
        """
        if threading.current_thread() is not threading.main_thread():
            return call()
        called = self._aside.submit(call)
        try:
            return called.result()
        finally:
            wait([called])

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._changed:
            if self._ended:
                raise MilvusLiteError("the file is closed")
            self._asked += 1
        try:
            yield
        finally:
            with self._changed:
                self._asked -= 1
                self._changed.notify_all()


class _OpenedOnce(MilvusLite):  # type: ignore[misc]
    """Opens a collection for one thread at a time: 3.2.2 opens it twice otherwise, and one loses its rows."""

    def __init__(self, path: str) -> None:
        self._opening = threading.RLock()
        super().__init__(path)

    def get_collection(self, *args: Any, **options: Any) -> Any:
        with self._opening:
            return super().get_collection(*args, **options)


class _Method(grpc.UnaryUnaryMultiCallable):  # type: ignore[misc]
    """One method, in the forms that pymilvus calls it by. Raises Failed when there is no such method.

    What else goes wrong inside is raised as it is. A server would make UNKNOWN of it, and pymilvus would ask
    again and again.
    """

    def __init__(
        self,
        answer: Callable[[Any, Any], object],
        asking: Callable[[], Any],
        uninterrupted: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._answer = answer
        self._asking = asking
        self._uninterrupted = uninterrupted

    def __call__(self, request: object, *_: object, metadata: Metadata | None = None, **__: object) -> object:
        context = _Context(metadata or ())
        with self._asking():
            try:
                answer = self._uninterrupted(partial(self._answer, request, context))
            except NotImplementedError:
                answer = None
        if context.code is not None:
            raise Failed(context.code, context.details)
        return answer

    def with_call(self, request: object, *args: object, **options: Any) -> tuple[object, None]:
        return self(request, *args, **options), None

    def future(self, request: object, *args: object, **options: Any) -> _Answered:
        return _Answered(self(request, *args, **options))


class _Context:
    """Of what a server tells about a call, that which Milvus Lite asks for and sets."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.code: grpc.StatusCode | None = None
        self.details = ""

    def invocation_metadata(self) -> Metadata:
        return self._metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details


class _Answered:
    """What may be waited for and is there."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def result(self, _timeout: float | None = None) -> object:
        return self._answer


class Failed(grpc.RpcError):  # type: ignore[misc]
    """A call without an answer, also where that is waited for."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def result(self, _timeout: float | None = None) -> NoReturn:
        raise self
