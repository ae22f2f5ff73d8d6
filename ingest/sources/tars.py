"""TAR archives, plain or compressed by gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, cast

from ingest.sources.beside import Member, placed
from ingest.sources.files import too_large
from ingest.sources.kept import Kept, Listing, Together, Unpacking
from ingest.sources.reading import Reading
from rag.errors import BadSource, InvalidInput, OlharError, SourceUnavailable

CHUNK = 2**20
HEADER_BYTES = 2**20
"""Longest extended header that is read."""
XZ_MEMORY = 256 * 2**20
BLOCK = tarfile.BLOCKSIZE

DAMAGED = "damaged at byte {:,}: what comes after is missing"
NO_END = "it ends without the mark of its end: it may have been cut short, and members missing"


def listing(kept: Kept, reading: Reading, together: Together | None = None) -> Listing:
    """The members. Raises BadSource when this is no TAR, or one that unpacks to too much."""
    plain, problems = _plain(kept, Unpacking(kept.size, reading, together))
    members: list[Member] = []
    # What was unpacked as a whole counts already.
    unpacking = Unpacking(kept.size, reading, together if plain is kept else None)
    count = 0
    try:
        for entry in _entries(plain, problems):
            count += 1
            if count > reading.archive_files:
                problems.append(
                    f"more than {reading.archive_files:,} files (OLHAR_ARCHIVE_FILES): the rest was left out"
                )
                break
            if entry.isdir():
                continue
            reason = _refused(entry, reading.max_bytes) or unpacking.take(entry.size)
            read = partial(_read, plain, entry.offset_data, entry.size)
            revision = f"{entry.mtime}-{entry.size}"
            where = plain.located(offset=entry.offset_data, size=entry.size)
            members.append(placed(entry.name, Member("", entry.size, read, revision, reason, where)))
    except tarfile.ReadError as error:
        raise BadSource(f"not a TAR that can be read: {error}") from None
    return Listing(members, problems)


class _Headers:
    """The file as tarfile sees it: no read longer than a header may be."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        data = self._kept.read_at(self._at, size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < 0:
            raise tarfile.ReadError(f"a header at {offset:,}")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at


def _entries(plain: Kept, problems: list[str]) -> Iterator[tarfile.TarInfo]:
    """Each member. tarfile stops in silence at a damaged header; here that is a problem."""
    file = cast(BinaryIO, _Headers(plain))
    tar = tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  # nothing to close
    before = -1
    while True:
        try:
            entry = tar.next()
        except Exception:  # on hostile files nearly everything is raised, RecursionError too
            problems.append(DAMAGED.format(tar.offset))
            return
        if entry is None:
            end = plain.read_at(tar.offset, BLOCK)
            if end.strip(b"\0"):
                problems.append(DAMAGED.format(tar.offset))
            elif len(end) < BLOCK:
                problems.append(NO_END)
            return
        if entry.size < 0 or tar.offset <= before:
            problems.append(DAMAGED.format(entry.offset))
            return
        before = tar.offset
        yield entry


def _refused(entry: tarfile.TarInfo, max_bytes: int) -> str:
    if entry.issym() or entry.islnk():
        return "a link, which is not followed"
    if not entry.isreg() or entry.issparse():
        return "no regular file"
    return too_large(entry.size, max_bytes)


def _read(plain: Kept, offset: int, size: int) -> bytes:
    data = plain.read_at(offset, size)
    if len(data) != size:
        raise InvalidInput(f"damaged in the archive: {len(data):,} of {size:,} bytes are there")
    return data


def _plain(kept: Kept, unpacking: Unpacking) -> tuple[Kept, list[str]]:
    """The archive without compression, and what was wrong with that."""
    magic = kept.read_at(0, 6)
    chunks: Iterator[bytes]
    if magic.startswith(b"\x1f\x8b"):
        chunks = _chunks(gzip.GzipFile(fileobj=kept.file))
    elif magic.startswith(b"BZh"):
        chunks = _chunks(bz2.BZ2File(kept.file))
    elif magic == b"\xfd7zXZ\0":
        chunks = _unxz(kept.file)
    else:
        return kept, []
    with _room():
        plain = Kept(cast(BinaryIO, tempfile.TemporaryFile()))  # noqa: SIM115  # closed when it is let go
    size = 0
    problems = []
    try:
        for chunk in chunks:
            size += len(chunk)
            if reason := unpacking.take(len(chunk)):
                raise BadSource(reason)
            with _room():
                plain.file.write(chunk)
    except OlharError:
        raise
    except Exception as error:  # a reader may raise anything on damaged data
        problems.append(f"its compression is damaged, and what comes after byte {size:,} missing: {error}")
    with _room():
        plain.file.flush()
    return plain, problems


@contextmanager
def _room() -> Iterator[None]:
    """A full disk is no damage of the archive."""
    try:
        yield
    except OSError as error:
        raise SourceUnavailable(
            f"it could not be unpacked in {tempfile.gettempdir()} (TMPDIR): {error.strerror or error}"
        ) from error


def _chunks(file: gzip.GzipFile | bz2.BZ2File) -> Iterator[bytes]:
    with file:
        while chunk := file.read1(CHUNK):
            yield chunk


def _unxz(file: BinaryIO) -> Iterator[bytes]:
    """As lzma.open, which takes no limit of memory."""
    file.seek(0)
    decompressor = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
    data = file.read(CHUNK)
    while data:
        yield decompressor.decompress(data, CHUNK)
        while not decompressor.eof and not decompressor.needs_input:
            yield decompressor.decompress(b"", CHUNK)
        rest = decompressor.unused_data.lstrip(b"\0")
        if decompressor.eof:
            decompressor = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        data = rest or file.read(CHUNK)
    if not decompressor.needs_input:
        raise EOFError("the data ends too early")
