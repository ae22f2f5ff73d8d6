"""Originals by the hash of their content, in a local folder or wherever fsspec reaches."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final, Literal, Self

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from rag.errors import BadSettings, InvalidInput, NotFound, OlharError, Unavailable
from rag.types import content_hash
from rag.urls import without_password

_SHA256 = re.compile(r"[0-9a-f]{64}")
PIECE: Final = 4 * 2**20
"""Bytes that are read at a time: each piece of an object store is a request of its own."""
_NAME: Final = re.compile(r"([0-9a-f]{64})(\.webp)?(\.[0-9a-f]{8}\.part)?")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the store and the content it belongs to. ``written_at`` in Unix seconds; None: not known.

    ``unfinished`` is what a write that was broken off left behind.
    """

    sha256: str
    form: Literal["original", "thumbnail", "unfinished"]
    written_at: float | None
    path: str


@dataclass(frozen=True, slots=True)
class _Landing:
    """Where bytes lie until all are there: beside their place, or (``fs``) in a file of this machine."""

    fs: Any
    path: str
    file: IO[bytes]


class Arriving:
    """Bytes on their way into the store. Nobody sees them before ``keep``; after ``drop`` nothing is left.

    Used in a ``with``, they are dropped unless they were kept. Raises Unavailable where they cannot be
    written.
    """

    def __init__(self, landing: _Landing, translated: Callable[[str], AbstractContextManager[None]]) -> None:
        self._landing = landing
        self._translated = translated
        self._kept = False
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add these."""
        with self._translated("written"):
            self._landing.file.write(data)
            self.size += len(data)

    def keep(self) -> None:
        """That was all of them: they are in the store from here on, power cuts included."""
        landing, file = self._landing, self._landing.file
        with self._translated("written"):
            file.flush()
            if landing.fs is not None:
                landing.fs.put_file(file.name, landing.path)
            else:
                os.fsync(file.fileno())
                os.replace(file.name, landing.path)
            self._kept = True
            file.close()

    def drop(self) -> None:
        """Leave nothing of what was not kept. Raises Unavailable where it cannot be removed."""
        if self._kept:
            return
        try:
            with contextlib.suppress(OSError):  # on a full disk, to which closing writes once more
                self._landing.file.close()
        finally:
            with self._translated("removed"), contextlib.suppress(FileNotFoundError):
                os.remove(self._landing.file.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()


class Blobs:
    """Files named by their SHA-256, in folders by its first digits: ``ab/cd/abcd…``, thumbnails beside.

    ``url`` is a folder or an fsspec URL (``s3://bucket/prefix``). Safe to use from several threads,
    and from several processes.
    """

    def __init__(self, url: str) -> None:
        """Opens nothing yet. Raises BadSettings when the URL needs a package that is not installed."""
        self.url = url
        try:
            self._fs, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise BadSettings(
                without_password(f"OLHAR_BLOBS is {url!r}, which cannot be used: {error}")
            ) from error
        self._local = isinstance(self._fs, LocalFileSystem)

    def put(self, sha256: str, data: bytes) -> bool:
        """Keep ``data``; whether it had to be written. Readers never see half a file, power cuts included.

        Raises Unavailable when it cannot be written.
        """
        return self._put(self._path(sha256), data)

    def put_thumbnail(self, sha256: str, data: bytes) -> None:
        """Keep the small picture (WebP) of an original. Raises Unavailable when it cannot be written."""
        self._put(self._thumbnail_path(sha256), data)

    def has_thumbnail(self, sha256: str) -> bool:
        """Whether an original has one. Raises Unavailable when that cannot be told."""
        with self._translated("read"):
            return bool(self._size(self._thumbnail_path(sha256)))

    def thumbnail(self, sha256: str) -> bytes | None:
        """The small picture of an original; None when there is none. Raises Unavailable."""
        with self._translated("read"):
            try:
                return bytes(self._fs.cat_file(self._thumbnail_path(sha256))) or None
            except FileNotFoundError:
                return None

    def arriving(self, sha256: str) -> Arriving:
        """Bytes to be written piece by piece. Raises Unavailable when they cannot be written."""
        return Arriving(self._arriving(self._path(sha256)), self._translated)

    def _put(self, path: str, data: bytes) -> bool:
        with self._translated("written"):
            if self._size(path) == len(data):
                return False
            if not self._local:  # an object appears when it is whole
                self._fs.pipe_file(path, data)
                return True
            with Arriving(self._arriving(path), self._translated) as arriving:
                arriving.write(data)
                arriving.keep()
            return True

    def _arriving(self, path: str) -> _Landing:
        with self._translated("written"):
            if not self._local:
                return _Landing(self._fs, path, tempfile.NamedTemporaryFile())  # it is handed on
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            return _Landing(None, path, open(f"{path}.{secrets.token_hex(4)}.part", "wb"))

    def check(self) -> None:
        """Raises Unavailable unless originals can be written, read and removed."""
        probe = secrets.token_bytes(16)
        sha256 = content_hash(probe)
        self.put(sha256, probe)
        self.get(sha256)
        self.delete(sha256)

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises NotFound, or Unavailable when they cannot be read."""
        with self._translated("read"):
            try:
                return bytes(self._fs.cat_file(self._path(sha256)))
            except FileNotFoundError:
                raise self._missing(sha256) from None

    def size(self, sha256: str) -> int:
        """How many bytes it has. Raises NotFound, or Unavailable when that cannot be told."""
        with self._translated("read"):
            size = self._size(self._path(sha256))
            if size is None:
                raise self._missing(sha256)
            return size

    def pieces(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end``, at most four mebibytes at a time; nothing else is read.

        Raises NotFound, or Unavailable when they cannot be read.
        """
        path = self._path(sha256)
        for begin in range(start, end, PIECE):
            with self._translated("read"):
                try:
                    piece = bytes(self._fs.cat_file(path, begin, min(begin + PIECE, end)))
                except FileNotFoundError:
                    raise self._missing(sha256) from None
            yield piece

    def _missing(self, sha256: str) -> NotFound:
        return NotFound(f"no original with the hash {sha256} in {without_password(self.url)}")

    def exists(self, sha256: str) -> bool:
        """Whether it is kept. Raises Unavailable when that cannot be told."""
        with self._translated("read"):
            return self._size(self._path(sha256)) is not None

    def delete(self, sha256: str) -> bool:
        """Forget it and its thumbnail; whether it was there. Raises Unavailable when it cannot be removed."""
        with self._translated("removed"):
            path = self._path(sha256)
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(self._thumbnail_path(sha256))
            if self._size(path) is None:
                return False
            self._fs.rm_file(path)
            return True

    def kept(self) -> Iterator[Kept]:
        """All that is there, folder by folder; other files are passed over. Raises Unavailable."""
        for first in self._listed(self._root, 2):
            for second in self._listed(str(first["name"]), 2):
                for found in self._listed(str(second["name"]), None):
                    name = _NAME.fullmatch(_last(str(found["name"])))
                    if name is not None:
                        form: Literal["original", "thumbnail", "unfinished"] = (
                            "unfinished" if name[3] else "thumbnail" if name[2] else "original"
                        )
                        yield Kept(name[1], form, _written_at(found), str(found["name"]))

    def hashes(self) -> Iterator[str]:
        """The hashes of all originals. Raises Unavailable."""
        return (kept.sha256 for kept in self.kept() if kept.form == "original")

    def discard(self, unfinished: Kept) -> None:
        """Remove what ``kept`` gave as unfinished. Raises Unavailable when it cannot be removed."""
        if unfinished.form != "unfinished":
            raise InvalidInput(f"{unfinished.path} is no unfinished file")
        with self._translated("removed"), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(unfinished.path)

    def _listed(self, folder: str, letters: int | None) -> list[Mapping[str, Any]]:
        """What a folder holds: the folders with names of so many hex digits, or (None) the files."""
        with self._translated("listed"):
            self._fs.invalidate_cache(folder)
            try:
                found = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                return []
        if letters is None:
            return [entry for entry in found if entry["type"] == "file"]
        hexadecimal = re.compile(f"[0-9a-f]{{{letters}}}")
        return [
            entry
            for entry in found
            if entry["type"] == "directory" and hexadecimal.fullmatch(_last(str(entry["name"])))
        ]

    def _path(self, sha256: str) -> str:
        if not _SHA256.fullmatch(sha256):
            raise InvalidInput(f"{sha256!r} is no SHA-256: 64 hex digits in lower case are")
        return f"{self._root.rstrip('/')}/{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def _thumbnail_path(self, sha256: str) -> str:
        return f"{self._path(sha256)}.webp"

    def _size(self, path: str) -> int | None:
        try:
            return int(self._fs.info(path, refresh=True)["size"])
        except FileNotFoundError:
            return None

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OlharError:
            raise
        except Exception as error:  # each of fsspec's back ends has errors of its own
            detail = str(error) or type(error).__name__
            raise Unavailable(
                without_password(f"an original could not be {verb} in {self.url} (OLHAR_BLOBS): {detail}")
            ) from error


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _written_at(found: Mapping[str, Any]) -> float | None:
    """What fsspec's back ends call it, each in its own way."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = found.get(key)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None
