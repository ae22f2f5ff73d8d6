"""Sources that have to be ingested again: from where they lie, or from the original that is kept."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeGuard

from ingest.locating import PATH, STAGED, put_down
from ingest.sources import walk
from ingest.sources.files import URL
from ingest.sources.packed import ARCHIVE
from ingest.system import Parts
from rag.errors import NotFound
from rag.records.types import FileRow, NewFile
from rag.types import Scope


class Again:
    """The sources of one collection that are to be ingested again, each with the hash of its former bytes."""

    def __init__(self, parts: Parts, scope: Scope) -> None:
        self._parts = parts
        self._scope = scope
        self._wanted: dict[str, str] = {}
        self._same: set[str] = set()
        # Who sends a file from elsewhere says what its source is: it names no file of this machine.
        self._trusted = not parts.settings.asks_for_keys

    def can(self, sources: Iterable[str], sha256: str = "") -> bool:
        """Whether one of them can be had: its file is there, or its original, or its URL is known."""
        if sha256 and self._parts.blobs.exists(sha256):
            return True
        return any(self._found(source) for source in sources)

    def add(self, sources: Iterable[str], sha256: str = "") -> None:
        """These are to be ingested again."""
        for source in sources:
            self._wanted[source] = self._wanted.get(source) or sha256

    def add_same(self, sources: Iterable[str], sha256: str) -> bool:
        """As ``add``, but these very bytes alone: the original, or the file while it has them.

        False where neither is there.
        """
        kept = self._parts.blobs.exists(sha256)
        found = [source for source in sources if kept or self._has(source, sha256)]
        self._same.update(found)
        self.add(found, sha256)
        return bool(found)

    def wants(self, source: str) -> bool:
        """Whether that was said of this one."""
        return source in self._wanted

    def submit(self) -> list[str]:
        """Put down jobs for them, all captions or not as the last time; the ids."""
        jobs = self._parts.records.jobs
        ids = []
        for all_captions in (False, True):
            chosen = [source for source in self._wanted if self._all_captions(source) == all_captions]
            if chosen:
                ids.append(jobs.submit(self._scope, self._files(chosen), all_captions=all_captions))
        return ids

    def _files(self, sources: Iterable[str]) -> Iterator[NewFile]:
        for source in sources:
            if (file := self._file(source, self._wanted[source])) is not None:
                yield file

    def _file(self, source: str, sha256: str) -> NewFile | None:
        parts, row = self._parts, self._last(source)
        path = _path(source, row, trusted=self._trusted)
        same = source in self._same
        if same and parts.blobs.exists(sha256) and (row is not None or not self._has(source, sha256)):
            path = None  # the file may have other bytes, or be given some before it is read
        if path is not None and row is None:
            (file,) = (file for file in walk([path]) if file.path == path)
            return put_down(file, parts.staged, parts.settings.max_bytes)
        description = {} if row is None else row.description
        replaces = os.path.isabs(source) if row is None else row.replaces
        if path is not None:
            locator = {PATH: os.fsencode(path).decode("latin-1")}
            return NewFile(source, locator, description, replaces, path.stat().st_size)
        try:
            data = parts.blobs.get(sha256) if sha256 else None
        except NotFound:
            data = None
        if data is not None:
            name = secrets.token_hex(32)
            parts.staged.put(name, data)
            return NewFile(source, {STAGED: name}, description, replaces, len(data), name)
        if _remains(row) and not same:
            return NewFile(source, row.locator, description, replaces)
        return None

    def _found(self, source: str) -> bool:
        row = self._last(source)
        return _path(source, row, trusted=self._trusted) is not None or _remains(row)

    def _has(self, source: str, sha256: str) -> bool:
        """Whether the file of a source is there and has these bytes."""
        path = _path(source, self._last(source), trusted=self._trusted)
        try:
            if path is None:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    def _last(self, source: str) -> FileRow | None:
        return self._parts.records.receipts.last(self._scope, source)

    def _all_captions(self, source: str) -> bool:
        row = self._last(source)
        return row is not None and self._parts.records.jobs.get(self._scope.tenant, row.job_id).all_captions


def _remains(row: FileRow | None) -> TypeGuard[FileRow]:
    """Whether the records say how to get a file: by a URL, or from an archive that is there."""
    if row is None:
        return False
    archive = row.locator.get(ARCHIVE)
    return URL in row.locator or (isinstance(archive, str) and os.path.isfile(archive.encode("latin-1")))


def _path(source: str, row: FileRow | None, *, trusted: bool) -> Path | None:
    """Where the file of a source is now. Without ``trusted`` only where it was read from."""
    path = Path(source)
    if row is not None and PATH in row.locator:
        path = Path(os.fsdecode(str(row.locator[PATH]).encode("latin-1")))
    elif not trusted:
        return None
    try:
        return path if path.is_absolute() and path.is_file() else None
    except (OSError, ValueError):
        return None
