"""One owner of the data folder: a lock that the system holds, and a note beside it that says who."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from filelock import FileLock, Timeout

from rag.errors import BadSettings, DataFolderBusy
from rag.settings import Settings
from rag.urls import without_password

LOCK = "owner.lock"
NOTE = "owner.json"
PATIENCE_S = 0.5
"""How long to try: ``server_of`` of another process takes the lock for a moment to see whether it is free."""


Value: TypeAlias = str | int | float

DECIDED = (
    "tenant", "milvus_uri", "blobs", "encoder", "text_encoder", "llm", "reranker",
    "captioner", "captioner_language", "moderation", "moderation_queries",
    "relevance", "evidence", "candidates", "max_bytes", "max_pixels",
)  # fmt: skip
"""Settings that a server decides for all whom it serves."""


def decided(settings: Settings) -> dict[str, Value]:
    """The values of those settings, without passwords."""
    values = {name: getattr(settings, name) for name in DECIDED}
    return {name: without_password(v) if isinstance(v, str) else v for name, v in values.items()}


@dataclass(frozen=True, slots=True)
class Server:
    """A live server, and its values of the settings that it decides."""

    url: str
    decided: Mapping[str, Value] = field(default_factory=dict)

    @property
    def asks_for_keys(self) -> bool:
        """Whether it answers only to who has a key, whose tenant then counts."""
        return bool(self.decided.get("asks_for_keys"))


class Owner:
    """Holds the data folder until ``release`` or the end of the ``with`` block; made by ``acquire``."""

    def __init__(self, data: Path, lock: FileLock) -> None:
        self._data = data
        self._lock = lock
        self._started_at = time.time()
        self._write(None, {})

    def publish(self, url: str, **decided: Value) -> None:
        """Say that this process serves the folder's contents at ``url``, with these settings of its own."""
        self._write(url, decided)

    def release(self) -> None:
        """Give the folder back. A second call does nothing."""
        if self._lock.is_locked:
            (self._data / NOTE).unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Owner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _write(self, url: str | None, decided: Mapping[str, Value]) -> None:
        note = {"pid": os.getpid(), "url": url, "started_at": self._started_at, "settings": decided}
        fresh = self._data / (NOTE + ".new")
        fresh.write_text(json.dumps(note), "utf-8")
        fresh.replace(self._data / NOTE)


def acquire(data: Path) -> Owner:
    """Become the owner of ``data``, which is made if it is missing.

    Raises DataFolderBusy naming the process (and the URL, if it is a server) that owns it, and
    BadSettings when the folder cannot be written.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = FileLock(data / LOCK)
        lock.acquire(timeout=PATIENCE_S, poll_interval=0.02)
    except Timeout:
        raise DataFolderBusy(_busy(data)) from None
    except OSError as error:
        raise BadSettings(
            f"OLHAR_DATA: the data folder {data} cannot be written ({error.strerror or error}); "
            "name a folder of yours"
        ) from None
    try:
        return Owner(data, lock)
    except BaseException:
        lock.release()
        raise


def server_of(data: Path) -> str | None:
    """The URL of the live server that owns ``data``; None when there is none."""
    server = serving(data)
    return server.url if server is not None else None


def serving(data: Path) -> Server | None:
    """The live server that owns ``data``; None when there is none.

    The note alone proves nothing, since a process that was killed leaves it behind: only while the
    lock is held is it believed.
    """
    if not (data / NOTE).is_file() or not _held(data):
        return None
    note = _note(data)
    url, decided = note.get("url"), note.get("settings")
    if not isinstance(url, str):
        return None
    return Server(url, decided if isinstance(decided, dict) else {})


def _held(data: Path) -> bool:
    lock = FileLock(data / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _note(data: Path) -> dict[str, object]:
    try:
        note = json.loads((data / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _busy(data: Path) -> str:
    note = _note(data)
    pid, url = note.get("pid"), note.get("url")
    who = f"process {pid}" if isinstance(pid, int) else "another process"
    where = f", which serves it at {url}" if isinstance(url, str) else ""
    remedy = "ask that server" if where else "wait for it to end"
    return f"the data folder {data} is in use by {who}{where}; {remedy}, or set OLHAR_DATA to another folder"
