"""One connection to Milvus: opened, its errors put into ours, and closed with all that it started."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc  # type: ignore[import-untyped]  # the package ships no type information
from milvus_lite.exceptions import DataDirLockedError, MilvusLiteError
from pymilvus import MilvusClient
from pymilvus.exceptions import (
    ConnectionConfigException,
    DataNotMatchException,
    DataTypeNotMatchException,
    MilvusException,
    ParamError,
)

from rag.errors import InvalidInput, StoreUnavailable
from rag.store.embedded import EmbeddedChannel
from rag.store.recent import RecentRows
from rag.urls import is_file, without_password

# Each refusal would print a traceback, besides the error that we raise.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)

T = TypeVar("T")
CONNECT_SECONDS: Final = 10.0
CALL_SECONDS: Final = 120.0

_INPUT_ERRORS = (ParamError, DataNotMatchException, DataTypeNotMatchException)
_ILLEGAL_ARGUMENT = 6
_STATUS = re.compile(r"\bStatusCode\.([A-Z_]+)")
_DETAILS = re.compile(r'details = "(.*?)"\s+debug_error_string|StatusCode\.[A-Z_]+, (.*?), \w+=', re.DOTALL)
_TOO_LONG: Final = (
    f"no answer in time (at most {CALL_SECONDS:g} s): narrow the filter or ask for less, or try again "
    "when Milvus is less busy"
)

_files: Counter[str] = Counter()
_channels: dict[str, EmbeddedChannel] = {}
_recent: dict[str, RecentRows] = {}
_files_lock = threading.Lock()


class Connection:
    """A client of a server, or of a Milvus Lite file that this process opens.

    ``lite`` says whether Milvus Lite answers, also when it is reached by a server's URI. ``recent`` holds the
    rows of a file that were read last, ``writing`` is held around what is written and flushed of items:
    all connections of this process to the file share them.
    Raises StoreUnavailable when nothing answers or when another process has the file open.
    """

    def __init__(self, uri: str, token: str = "") -> None:
        self._file = str(Path(uri).resolve()) if is_file(uri) else ""
        if self._file:
            _open_file(self._file)
        try:
            with translated(f"connecting to {uri} (OLHAR_MILVUS_URI)"):
                self.client = self._client(uri, token)
                version = self.client.get_server_version(timeout=CONNECT_SECONDS)
        except BaseException:
            self._release()
            raise
        self.lite = str(version).startswith("milvus_lite")
        self.is_file = bool(self._file)
        self.recent = _recent[self._file] if self._file else None
        self._channel = _channels[self._file] if self._file else None
        self.writing = self._channel.writing if self._channel else threading.Lock()

    def _client(self, uri: str, token: str) -> MilvusClient:
        if not self._file:
            return MilvusClient(uri, token=token, timeout=CONNECT_SECONDS)
        channel = _channels[self._file]
        return MilvusClient(channel.name, channel=channel, dedicated=True, timeout=CONNECT_SECONDS)

    def past_milvus(self, name: str, how: Callable[[Any, Any], T]) -> T | None:
        """What ``how``, of ``rag.store.embedded``, gives of a collection; None: ask Milvus."""
        return None if self._channel is None else self._channel.read(name, how)

    def close(self) -> None:
        """Close the client, and the embedded file once nobody else in this process uses the file."""
        self.client.close()
        self._release()

    def _release(self) -> None:
        if not self._file:
            return
        with _files_lock:
            _files[self._file] -= 1
            if not _files[self._file]:
                _recent.pop(self._file, None)
                _channels.pop(self._file).end()


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Milvus' errors as ours, saying what was being done, without passwords."""
    try:
        yield
    except MilvusException as error:
        kind = InvalidInput if _is_input_error(error) else StoreUnavailable
        raise kind(without_password(f"{doing}: {_reason(error)}")) from error
    except (grpc.RpcError, MilvusLiteError) as error:
        raise StoreUnavailable(without_password(f"{doing}: {_reason(error)}")) from error


def is_released(error: MilvusException) -> bool:
    """Whether a collection was asked that is not loaded; no code of its own tells that."""
    return "released" in str(error.message) or "not loaded" in str(error.message)


def _is_input_error(error: MilvusException) -> bool:
    if isinstance(error, ConnectionConfigException):
        return False
    return isinstance(error, _INPUT_ERRORS) or error.is_input_error or error.code == _ILLEGAL_ARGUMENT


def _reason(error: Exception) -> str:
    text = _plain(str(error.message if isinstance(error, MilvusException) else error))
    return " ".join(text.split())[:500] or f"refused without a reason ({type(error).__name__})"


def _plain(text: str) -> str:
    """What gRPC says, without how it says it."""
    status = _STATUS.search(text)
    if status is None:
        return text
    if status[1] == "DEADLINE_EXCEEDED":
        return _TOO_LONG
    details = _DETAILS.search(text)
    said = details and (details[1] or details[2])
    return f"{said or 'no answer'} ({status[1].lower().replace('_', ' ')})"


def _open_file(path: str) -> None:
    """Once for all who use it. Raises StoreUnavailable with the reason."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"cannot make the folder of {path} (OLHAR_MILVUS_URI): {error}") from error
    with _files_lock:
        if path not in _channels:
            _channels[path] = _opened(path)
            _recent[path] = RecentRows()
        _files[path] += 1


def _opened(path: str) -> EmbeddedChannel:
    try:
        return EmbeddedChannel(path)
    except DataDirLockedError as error:
        raise StoreUnavailable(
            f"{path} is open in another process; stop that one (perhaps `olhar serve`) or work through it"
        ) from error
    except Exception as error:  # Whatever a damaged file makes of it, the reason is passed on.
        raise StoreUnavailable(f"cannot open the Milvus Lite file {path}: {_reason(error)}") from error
