"""An open file that several read from, and what is found in it."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from ingest.sources.beside import Member
from ingest.sources.packed import located, state
from ingest.sources.reading import Reading
from rag.types import JSON

RATIO = 200
FLOOR = 256 * 2**20
"""An archive may unpack to so many times its size, or to this many bytes if that is more."""

UNPACKED = "the archive unpacks to more than {:,} bytes (OLHAR_ARCHIVE_BYTES, and at most 200 times its size)"

UNPACKED_TOGETHER = (
    "the archives that were sent unpack to more than {:,} bytes together (OLHAR_ARCHIVE_BYTES): "
    "send this one in an upload of its own"
)


class Kept:
    """A real file, closed when nobody holds this any more. Reads from several threads do not meet.

    ``path`` is there where others can open it too.
    """

    def __init__(self, file: BinaryIO, path: Path | None = None) -> None:
        self.file = file
        self.path = path
        weakref.finalize(self, _close, file)

    @property
    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    def located(self, **where: int) -> Mapping[str, JSON]:
        """A locator of what lies there, as ``packed.located`` takes it; empty where there is no path."""
        return {} if self.path is None else located(self.path, self._state, **where)

    @cached_property
    def _state(self) -> str:
        return state(self.file.fileno())

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from there, fewer at the end of the file."""
        pieces = []
        while size and (piece := os.pread(self.file.fileno(), size, offset)):
            pieces.append(piece)
            offset += len(piece)
            size -= len(piece)
        return b"".join(pieces)


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # on a full disk, to which closing writes once more
        file.close()


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive holds, and what is wrong with it as a whole."""

    members: Sequence[Member]
    problems: Sequence[str] = ()


class Together:
    """The bytes that several archives, read one after the other, may unpack to together."""

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit


class Unpacking:
    """What an archive of ``size`` bytes may still unpack to, and what ``together`` leaves of that."""

    def __init__(self, size: int, reading: Reading, together: Together | None = None) -> None:
        self._limit = self._left = min(reading.archive_bytes, max(FLOOR, RATIO * size))
        self._together = together or Together(reading.archive_bytes)

    def take(self, size: int) -> str:
        """Why so many bytes more are too many; empty when they are not, and then they count."""
        if size > self._left:
            return UNPACKED.format(self._limit)
        if size > self._together.left:
            return UNPACKED_TOGETHER.format(self._together.limit)
        self._left -= size
        self._together.left -= size
        return ""
