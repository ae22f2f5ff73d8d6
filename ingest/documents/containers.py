"""Zip containers (Office, EPUB) within limits: what they unpack to is counted, not believed."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib

from rag.errors import BadDocument, OverLimit

ENTRIES = 20_000
CHUNK = 2**20


class Container:
    """An opened container. Raises BadDocument when it is broken or encrypted."""

    def __init__(self, data: bytes, expanded: int) -> None:
        """``expanded``: bytes that all that is read may take together; more raises OverLimit."""
        self._left = self._limit = expanded
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            EOFError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise BadDocument(f"the file is broken: {error}") from None
        if len(entries) > ENTRIES:
            raise OverLimit(f"it holds {len(entries):,} files, and the limit is {ENTRIES:,}")
        self._entries = {entry.filename.replace("\\", "/").lstrip("/"): entry for entry in entries}

    @property
    def names(self) -> list[str]:
        """Names of its files, in order."""
        return list(self._entries)

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises BadDocument when it is not there or damaged."""
        entry = self._entries.get(name)
        if entry is None:
            raise BadDocument(f"the file is broken: {name} is missing in it")
        if entry.flag_bits & 1:
            raise BadDocument("it is encrypted: save it without a password")
        pieces = []
        try:
            with self._zip.open(entry) as file:
                while piece := file.read(CHUNK):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise OverLimit(f"it unpacks to more than {self._limit:,} bytes, which is the limit")
                    pieces.append(piece)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
            raise BadDocument(f"the file is broken: {name}: {error}") from None
        except (RuntimeError, NotImplementedError) as error:
            raise BadDocument(f"{name} in it cannot be unpacked: {error}") from None
        return b"".join(pieces)

    def find(self, name: str, base: str = "") -> bytes | None:
        """The bytes of what a reference in the file ``base`` points at; None when there is no such file."""
        path = name if name.startswith("/") else posixpath.join(posixpath.dirname(base), name)
        path = posixpath.normpath(path).lstrip("/")
        return self.read(path) if path in self._entries else None
